// One table says what every property looks like, where it may stand and whether it may come twice; the reader
// below knows nothing of single properties but where to put the few that are used.

#include "platform/mqtt/properties.h"

#include "platform/base/text.h"
#include "platform/mqtt/reason.h"

namespace pinaflux::mqtt {

namespace {

enum class Kind : std::uint8_t {
  none,
  flag,
  u16,
  u16_not_0,
  u32,
  u32_not_0,
  varint_not_0,
  text,
  binary,
  pair
};

struct Rule {
  Kind kind = Kind::none;
  std::uint16_t places = 0;
  bool repeats = false;
};

constexpr std::uint16_t at(auto... places) {
  return static_cast<std::uint16_t>((static_cast<unsigned>(places) | ...));
}

constexpr Rule rule(std::uint32_t id) {
  using enum Place;
  switch (id) {
    case 0x01: return {Kind::flag, at(publish, will)};    // Payload Format Indicator
    case 0x02: return {Kind::u32, at(publish, will)};     // Message Expiry Interval
    case 0x03: return {Kind::text, at(publish, will)};    // Content Type
    case 0x08: return {Kind::text, at(publish, will)};    // Response Topic
    case 0x09: return {Kind::binary, at(publish, will)};  // Correlation Data
    case 0x0b:
      return {Kind::varint_not_0, at(publish, subscribe), true};      // Subscription Identifier
    case 0x11: return {Kind::u32, at(connect, connack, disconnect)};  // Session Expiry Interval
    case 0x12: return {Kind::text, at(connack)};                      // Assigned Client Identifier
    case 0x13: return {Kind::u16, at(connack)};                       // Server Keep Alive
    case 0x15: return {Kind::text, at(connect, connack)};             // Authentication Method
    case 0x16: return {Kind::binary, at(connect, connack)};           // Authentication Data
    case 0x17: return {Kind::flag, at(connect)};                      // Request Problem Information
    case 0x18: return {Kind::u32, at(will)};                          // Will Delay Interval
    case 0x19: return {Kind::flag, at(connect)};              // Request Response Information
    case 0x1a: return {Kind::text, at(connack)};              // Response Information
    case 0x1c: return {Kind::text, at(connack, disconnect)};  // Server Reference
    case 0x1f: return {Kind::text, at(connack, puback, suback, disconnect)};  // Reason String
    case 0x21: return {Kind::u16_not_0, at(connect, connack)};                // Receive Maximum
    case 0x22: return {Kind::u16, at(connect, connack)};                      // Topic Alias Maximum
    case 0x23: return {Kind::u16_not_0, at(publish)};                         // Topic Alias
    case 0x24: return {Kind::flag, at(connack)};                              // Maximum QoS
    case 0x25: return {Kind::flag, at(connack)};                              // Retain Available
    case 0x26: return {Kind::pair, 0xffff, true};                             // User Property
    case 0x27: return {Kind::u32_not_0, at(connect, connack)};                // Maximum Packet Size
    case 0x28: return {Kind::flag, at(connack)};  // Wildcard Subscription Available
    case 0x29: return {Kind::flag, at(connack)};  // Subscription Identifier Available
    case 0x2a: return {Kind::flag, at(connack)};  // Shared Subscription Available
    default: return {};
  }
}

struct Value {
  std::uint32_t number = 0;
  std::string_view text;
};

// False when the number is outside what its kind allows.
bool read_value(WireReader& from, Kind kind, Value& to) {
  switch (kind) {
    case Kind::flag: to.number = from.u8(); return to.number <= 1;
    case Kind::u16: to.number = from.u16(); return true;
    case Kind::u16_not_0: to.number = from.u16(); return to.number != 0;
    case Kind::u32: to.number = from.u32(); return true;
    case Kind::u32_not_0: to.number = from.u32(); return to.number != 0;
    case Kind::varint_not_0: to.number = from.varint(); return to.number != 0;
    case Kind::text: to.text = from.text(); return true;
    case Kind::binary: from.binary(); return true;
    case Kind::pair:
      from.text();
      from.text();
      return true;
    case Kind::none: break;
  }
  return false;
}

void keep(std::uint32_t id, const Value& value, Properties& to) {
  switch (id) {
    case 0x03: to.content_type = value.text; break;
    case 0x11: to.session_expiry_s = value.number; break;
    case 0x12: to.assigned_client_id = value.text; break;
    case 0x13: to.server_keep_alive_s = static_cast<std::int32_t>(value.number); break;
    case 0x1f: to.reason_string = value.text; break;
    case 0x21: to.receive_max = static_cast<std::uint16_t>(value.number); break;
    case 0x23: to.topic_alias = static_cast<std::uint16_t>(value.number); break;
    case 0x24: to.qos_max = static_cast<std::uint8_t>(value.number); break;
    case 0x25: to.retain_available = value.number != 0; break;
    case 0x27: to.packet_bytes_max = value.number; break;
    default: break;
  }
}

}  // namespace

bool valid_utf8(Bytes text) {
  return as_text(text).find('\0') == std::string_view::npos && utf8_valid(as_text(text));
}

Bytes WireReader::raw(std::size_t n) {
  if (failed_ || n > left()) {
    failed_ = true;
    return {};
  }
  at_ += n;
  return from_.subspan(at_ - n, n);
}

std::uint32_t WireReader::fixed(unsigned bytes) {
  std::uint32_t value = 0;
  for (const std::uint8_t byte : raw(bytes)) value = value << 8 | byte;
  return value;
}

std::uint32_t WireReader::varint() {
  std::uint32_t value = 0;
  for (unsigned shift = 0; shift < 28; shift += 7) {
    const std::uint8_t byte = u8();
    value |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) != 0) continue;
    if (byte == 0 && shift > 0) failed_ = true;
    return failed_ ? 0 : value;
  }
  failed_ = true;
  return 0;
}

std::string_view WireReader::text() {
  const Bytes bytes = binary();
  if (!valid_utf8(bytes)) failed_ = true;
  return failed_ ? std::string_view() : as_text(bytes);
}

Parsed<Properties> read_properties(WireReader& from, Place place) {
  Properties properties;
  const std::uint32_t size = from.varint();
  WireReader list(from.raw(size));
  if (from.failed()) return std::unexpected(Fault{reason::kMalformed, "properties are cut short"});
  std::uint64_t seen = 0;
  while (list.left() > 0) {
    const std::uint32_t id = list.varint();
    const Rule its = rule(id);
    if (its.kind == Kind::none)
      return std::unexpected(Fault{reason::kMalformed, "an unknown property"});
    if ((its.places & at(place)) == 0) {
      return std::unexpected(Fault{reason::kProtocol, "a property that this packet may not have"});
    }
    if ((seen >> id & 1) != 0 && !its.repeats) {
      return std::unexpected(Fault{reason::kProtocol, "a property that comes twice"});
    }
    seen |= std::uint64_t{1} << id;
    Value value;
    const bool in_range = read_value(list, its.kind, value);
    if (list.failed()) return std::unexpected(Fault{reason::kMalformed, "a malformed property"});
    if (!in_range)
      return std::unexpected(Fault{reason::kProtocol, "a property with a forbidden value"});
    keep(id, value, properties);
  }
  return properties;
}

}  // namespace pinaflux::mqtt
