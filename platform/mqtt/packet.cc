// Reading: one function a packet; each takes the body apart in the order of the standard and ends
// with whole(), which wants every byte read. Version 4 (3.1.1) is version 5 without property lists
// and, in most places, without reason codes.

#include "platform/mqtt/packet.h"

namespace pinaflux::mqtt {

namespace {

std::unexpected<Fault> malformed(const char* what) {
  return std::unexpected(Fault{reason::kMalformed, what});
}
std::unexpected<Fault> protocol(const char* what) {
  return std::unexpected(Fault{reason::kProtocol, what});
}

bool whole(const WireReader& body) { return !body.failed() && body.left() == 0; }

Parsed<Will> read_will(WireReader& body, std::uint8_t flags, int version) {
  Will will;
  will.qos = flags >> 3 & 3;
  will.retained = (flags & 0x20) != 0;
  if (will.qos > 2) return malformed("a CONNECT with QoS 3");
  if (version == 5) {
    const Parsed<Properties> properties = read_properties(body, Place::will);
    if (!properties) return std::unexpected(properties.error());
  }
  will.topic = body.text();
  will.payload = body.binary();
  if (body.failed() || !valid_topic_name(will.topic)) return malformed("a malformed will");
  return will;
}

Parsed<void> read_connect_payload(WireReader& body, std::uint8_t flags, Connect& to) {
  to.client_id = body.text();
  if ((flags & 0x04) != 0) {
    const Parsed<Will> will = read_will(body, flags, to.version);
    if (!will) return std::unexpected(will.error());
    to.will = *will;
  } else if ((flags & 0x38) != 0) {
    return malformed("flags of a will without one");
  }
  if ((flags & 0x80) != 0) to.user = body.text();
  if ((flags & 0x40) != 0) to.password = body.binary();
  if (!whole(body)) return malformed("a malformed CONNECT");
  return {};
}

// A PUBACK or DISCONNECT of version 5 may end after any of its parts.
Parsed<Properties> read_reason(WireReader& body, int version, Place place, int& reason) {
  if (version != 5 || body.left() == 0) return Properties{};
  reason = body.u8();
  if (body.left() == 0) return Properties{};
  return read_properties(body, place);
}

}  // namespace

bool valid_topic_name(std::string_view topic) {
  return !topic.empty() && topic.size() <= 65535 &&
         topic.find_first_of("+#") == std::string_view::npos && valid_utf8(as_bytes(topic));
}

bool valid_topic_filter(std::string_view filter) {
  if (filter.empty() || filter.size() > 65535 || !valid_utf8(as_bytes(filter))) return false;
  for (std::size_t i = 0; i < filter.size(); ++i) {
    const bool begins = i == 0 || filter[i - 1] == '/';
    const bool ends = i + 1 == filter.size();
    if (filter[i] == '#' && !(begins && ends)) return false;
    if (filter[i] == '+' && !(begins && (ends || filter[i + 1] == '/'))) return false;
  }
  return true;
}

Parsed<Connect> parse_connect(const Frame& frame) {
  WireReader body(frame.body);
  if (body.text() != "MQTT" || body.failed()) return malformed("not a CONNECT of MQTT 3.1.1 or 5");
  Connect to;
  to.version = body.u8();
  if (to.version != 4 && to.version != 5) {
    return std::unexpected(
        Fault{reason::kUnsupportedVersion, reason_text(reason::kUnsupportedVersion)});
  }
  const std::uint8_t flags = body.u8();
  if ((flags & 1) != 0) return malformed("reserved flags are set");
  if (to.version == 4 && (flags & 0xc0) == 0x40) return malformed("a password without a user");
  to.clean_start = (flags & 2) != 0;
  to.keep_alive_s = body.u16();
  if (to.version == 5) {
    const Parsed<Properties> properties = read_properties(body, Place::connect);
    if (!properties) return std::unexpected(properties.error());
    to.session_expiry_s = properties->session_expiry_s;
    to.receive_max = properties->receive_max;
    to.packet_bytes_max = properties->packet_bytes_max;
  }
  const Parsed<void> rest = read_connect_payload(body, flags, to);
  if (!rest) return std::unexpected(rest.error());
  return to;
}

Parsed<Connack> parse_connack(const Frame& frame, int version) {
  WireReader body(frame.body);
  const std::uint8_t flags = body.u8();
  const int code = body.u8();
  if (body.failed() || flags > 1) return malformed("a malformed CONNACK");
  Connack to;
  to.session_present = flags == 1;
  // A broker that knows only 3.1.1 answers a CONNECT of version 5 in the form that it knows.
  if (version == 4 || (code != 0 && body.left() == 0)) {
    to.reason = reason_of_return_code(code);
  } else {
    const Parsed<Properties> properties = read_properties(body, Place::connack);
    if (!properties) return std::unexpected(properties.error());
    to.properties = *properties;
    to.reason = code;
  }
  if (!whole(body)) return malformed("a malformed CONNACK");
  if (to.reason != 0 && to.session_present) return protocol("a refusal that names a session");
  return to;
}

Parsed<Publish> parse_publish(const Frame& frame, int version) {
  WireReader body(frame.body);
  Publish to;
  to.qos = frame.flags >> 1 & 3;
  to.duplicate = (frame.flags & 8) != 0;
  to.retained = (frame.flags & 1) != 0;
  if (to.qos == 3) return malformed("a PUBLISH with QoS 3");
  if (to.qos == 2) return protocol("a PUBLISH with QoS 2, which was not asked for");
  if (to.qos == 0 && to.duplicate) return malformed("a PUBLISH with QoS 0 sent again");
  to.topic = body.text();
  if (to.qos == 1) to.packet_id = body.u16();
  if (body.failed()) return malformed("a malformed PUBLISH");
  if (to.qos == 1 && to.packet_id == 0) return malformed("packet identifier 0");
  if (version == 5) {
    const Parsed<Properties> properties = read_properties(body, Place::publish);
    if (!properties) return std::unexpected(properties.error());
    if (properties->topic_alias != 0) {
      return std::unexpected(Fault{reason::kTopicAlias, reason_text(reason::kTopicAlias)});
    }
    to.content_type = properties->content_type;
  }
  // The text is UTF-8 already; what is left of valid_topic_name().
  if (to.topic.empty() || to.topic.find_first_of("+#") != std::string_view::npos) {
    return malformed("a PUBLISH to no valid topic");
  }
  to.payload = body.rest();
  return to;
}

Parsed<Puback> parse_puback(const Frame& frame, int version) {
  WireReader body(frame.body);
  Puback to;
  to.packet_id = body.u16();
  const Parsed<Properties> properties = read_reason(body, version, Place::puback, to.reason);
  if (!properties) return std::unexpected(properties.error());
  if (!whole(body) || to.packet_id == 0) return malformed("a malformed PUBACK");
  return to;
}

Parsed<Subscribe> parse_subscribe(const Frame& frame, int version) {
  WireReader body(frame.body);
  Subscribe to;
  to.packet_id = body.u16();
  if (version == 5) {
    const Parsed<Properties> properties = read_properties(body, Place::subscribe);
    if (!properties) return std::unexpected(properties.error());
  }
  do {
    Subscription one;
    one.filter = body.text();
    const std::uint8_t options = body.u8();
    one.qos = options & 3;
    one.retain_handling = options >> 4 & 3;
    const unsigned reserved = version == 5 ? 0xc0 : 0xfc;
    if (body.failed() || one.qos == 3 || (options & reserved) != 0 || one.retain_handling == 3) {
      return malformed("a malformed SUBSCRIBE");
    }
    if (!valid_topic_filter(one.filter)) return std::unexpected(Fault{0x8f, reason_text(0x8f)});
    to.subscriptions.push_back(one);
  } while (body.left() > 0);
  if (to.packet_id == 0) return malformed("packet identifier 0");
  return to;
}

Parsed<Suback> parse_suback(const Frame& frame, int version) {
  WireReader body(frame.body);
  Suback to;
  to.packet_id = body.u16();
  if (version == 5) {
    const Parsed<Properties> properties = read_properties(body, Place::suback);
    if (!properties) return std::unexpected(properties.error());
  }
  to.reasons = body.rest();
  if (body.failed() || to.reasons.empty() || to.packet_id == 0)
    return malformed("a malformed SUBACK");
  for (const std::uint8_t granted : to.reasons) {
    if (granted > 2 && granted < reason::kRefused)
      return malformed("a SUBACK with an unknown code");
  }
  return to;
}

Parsed<Disconnect> parse_disconnect(const Frame& frame, int version) {
  WireReader body(frame.body);
  Disconnect to;
  const Parsed<Properties> properties = read_reason(body, version, Place::disconnect, to.reason);
  if (!properties) return std::unexpected(properties.error());
  if (!whole(body)) return malformed("a malformed DISCONNECT");
  to.reason_string = properties->reason_string;
  return to;
}

}  // namespace pinaflux::mqtt
