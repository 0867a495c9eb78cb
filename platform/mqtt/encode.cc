// Writing: sizes are known before the first byte goes out, so every packet is appended once and
// nothing is moved. Properties are named only where they differ from what the standard takes
// without them.

#include "platform/mqtt/packet.h"

namespace pinaflux::mqtt {

namespace {

constexpr std::size_t kRemainingMax = 268'435'455;

void u8(Buffer& to, unsigned v) { to.push_back(static_cast<std::uint8_t>(v)); }
void u16(Buffer& to, unsigned v) {
  u8(to, v >> 8);
  u8(to, v & 0xff);
}
void u32(Buffer& to, std::uint32_t v) {
  u16(to, v >> 16);
  u16(to, v & 0xffff);
}
void binary(Buffer& to, Bytes bytes) {
  u16(to, static_cast<unsigned>(bytes.size()));
  append(to, bytes);
}
void text(Buffer& to, std::string_view t) { binary(to, as_bytes(t)); }
void varint(Buffer& to, std::size_t v) { Writer(to).varint(v); }
std::size_t varint_bytes(std::size_t v) {
  return v < 128 ? 1 : v < 16'384 ? 2 : v < 2'097'152 ? 3 : 4;
}

void begin(Buffer& to, Type type, unsigned flags, std::size_t remaining) {
  u8(to, static_cast<unsigned>(type) << 4 | flags);
  varint(to, remaining);
}

// For the packets of a connection's beginning: written apart, then prefixed.
void put_body(Buffer& to, Type type, unsigned flags, const Buffer& body) {
  begin(to, type, flags, body.size());
  append(to, Bytes(body));
}

void put_properties(Buffer& to, const Buffer& properties) {
  varint(to, properties.size());
  append(to, Bytes(properties));
}

void put_connect_properties(Buffer& to, const Connect& packet) {
  Buffer properties;
  if (packet.session_expiry_s != 0) {
    u8(properties, 0x11);
    u32(properties, packet.session_expiry_s);
  }
  if (packet.receive_max != 65535) {
    u8(properties, 0x21);
    u16(properties, packet.receive_max);
  }
  if (packet.packet_bytes_max != 0) {
    u8(properties, 0x27);
    u32(properties, packet.packet_bytes_max);
  }
  put_properties(to, properties);
}

unsigned connect_flags(const Connect& packet) {
  unsigned flags = packet.clean_start ? 0x02 : 0;
  if (packet.will)
    flags |=
        0x04u | static_cast<unsigned>(packet.will->qos) << 3 | (packet.will->retained ? 0x20u : 0);
  if (packet.user) flags |= 0x80;
  if (packet.password) flags |= 0x40;
  return flags;
}

bool fits(std::size_t size) { return size <= 65535; }

std::size_t publish_properties_bytes(const Publish& packet) {
  return packet.content_type.empty() ? 0 : 3 + packet.content_type.size();
}

std::size_t publish_remaining(const Publish& packet, int version) {
  const std::size_t properties = publish_properties_bytes(packet);
  return 2 + packet.topic.size() + (packet.qos > 0 ? 2 : 0) +
         (version == 5 ? varint_bytes(properties) + properties : 0) + packet.payload.size();
}

}  // namespace

bool put_connect(Buffer& to, const Connect& packet) {
  const bool will_fits =
      !packet.will || (fits(packet.will->topic.size()) && fits(packet.will->payload.size()));
  if (!fits(packet.client_id.size()) || !will_fits || !fits(packet.user.value_or("").size()) ||
      !fits(packet.password.value_or(Bytes()).size())) {
    return false;
  }
  Buffer body;
  text(body, "MQTT");
  u8(body, static_cast<unsigned>(packet.version));
  u8(body, connect_flags(packet));
  u16(body, packet.keep_alive_s);
  if (packet.version == 5) put_connect_properties(body, packet);
  text(body, packet.client_id);
  if (packet.will) {
    if (packet.version == 5) varint(body, 0);
    text(body, packet.will->topic);
    binary(body, packet.will->payload);
  }
  if (packet.user) text(body, *packet.user);
  if (packet.password) binary(body, *packet.password);
  put_body(to, Type::connect, 0, body);
  return true;
}

void put_connack(Buffer& to, const Connack& packet, int version) {
  Buffer body;
  u8(body, packet.session_present ? 1 : 0);
  u8(body, static_cast<unsigned>(packet.reason));
  if (version == 5) {
    Buffer properties;
    const Properties& its = packet.properties;
    if (its.receive_max != 65535) {
      u8(properties, 0x21);
      u16(properties, its.receive_max);
    }
    if (its.packet_bytes_max != 0) {
      u8(properties, 0x27);
      u32(properties, its.packet_bytes_max);
    }
    if (its.server_keep_alive_s >= 0) {
      u8(properties, 0x13);
      u16(properties, static_cast<unsigned>(its.server_keep_alive_s));
    }
    if (!its.assigned_client_id.empty()) {
      u8(properties, 0x12);
      text(properties, its.assigned_client_id);
    }
    put_properties(body, properties);
  }
  put_body(to, Type::connack, 0, body);
}

std::size_t publish_bytes(const Publish& packet, int version) {
  const std::size_t remaining = publish_remaining(packet, version);
  if (!fits(packet.topic.size()) || !fits(packet.content_type.size()) || remaining > kRemainingMax)
    return 0;
  return 1 + varint_bytes(remaining) + remaining;
}

bool put_publish(Buffer& to, const Publish& packet, int version) {
  if (publish_bytes(packet, version) == 0) return false;
  const unsigned flags = static_cast<unsigned>(packet.qos) << 1 | (packet.duplicate ? 8u : 0u) |
                         (packet.retained ? 1u : 0u);
  begin(to, Type::publish, flags, publish_remaining(packet, version));
  text(to, packet.topic);
  if (packet.qos > 0) u16(to, packet.packet_id);
  if (version == 5) {
    varint(to, publish_properties_bytes(packet));
    if (!packet.content_type.empty()) {
      u8(to, 0x03);
      text(to, packet.content_type);
    }
  }
  append(to, packet.payload);
  return true;
}

void put_puback(Buffer& to, const Puback& packet, int version) {
  const bool with_reason = version == 5 && packet.reason != 0;
  begin(to, Type::puback, 0, with_reason ? 3 : 2);
  u16(to, packet.packet_id);
  if (with_reason) u8(to, static_cast<unsigned>(packet.reason));
}

bool put_subscribe(Buffer& to, std::uint16_t packet_id, const Subscription& one, int version) {
  if (!fits(one.filter.size())) return false;
  begin(to, Type::subscribe, 2, 2 + (version == 5 ? 1 : 0) + 2 + one.filter.size() + 1);
  u16(to, packet_id);
  if (version == 5) varint(to, 0);
  text(to, one.filter);
  u8(to, one.qos | (version == 5 ? static_cast<unsigned>(one.retain_handling) << 4 : 0));
  return true;
}

void put_suback(Buffer& to, const Suback& packet, int version) {
  begin(to, Type::suback, 0, 2 + (version == 5 ? 1 : 0) + packet.reasons.size());
  u16(to, packet.packet_id);
  if (version == 5) varint(to, 0);
  append(to, packet.reasons);
}

void put_pingreq(Buffer& to) { begin(to, Type::pingreq, 0, 0); }
void put_pingresp(Buffer& to) { begin(to, Type::pingresp, 0, 0); }

void put_disconnect(Buffer& to, int reason, int version) {
  const bool with_reason = version == 5 && reason != 0;
  begin(to, Type::disconnect, 0, with_reason ? 1 : 0);
  if (with_reason) u8(to, static_cast<unsigned>(reason));
}

}  // namespace pinaflux::mqtt
