// One table says what every property looks like, where it may stand and whether it may come twice;
// the reader below knows nothing of single properties but where to put the few that are used.

#include "platform/mqtt/properties.h"

#include <array>

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

constexpr std::size_t kRules = 0x2b;
constexpr std::array<Rule, kRules> kRuleOf = [] {
  std::array<Rule, kRules> rules{};
  using enum Place;
  rules[0x01] = {Kind::flag, at(publish, will)};                     // Payload Format Indicator
  rules[0x02] = {Kind::u32, at(publish, will)};                      // Message Expiry Interval
  rules[0x03] = {Kind::text, at(publish, will)};                     // Content Type
  rules[0x08] = {Kind::text, at(publish, will)};                     // Response Topic
  rules[0x09] = {Kind::binary, at(publish, will)};                   // Correlation Data
  rules[0x0b] = {Kind::varint_not_0, at(publish, subscribe), true};  // Subscription Identifier
  rules[0x11] = {Kind::u32, at(connect, connack, disconnect)};       // Session Expiry Interval
  rules[0x12] = {Kind::text, at(connack)};                           // Assigned Client Identifier
  rules[0x13] = {Kind::u16, at(connack)};                            // Server Keep Alive
  rules[0x15] = {Kind::text, at(connect, connack)};                  // Authentication Method
  rules[0x16] = {Kind::binary, at(connect, connack)};                // Authentication Data
  rules[0x17] = {Kind::flag, at(connect)};                           // Request Problem Information
  rules[0x18] = {Kind::u32, at(will)};                               // Will Delay Interval
  rules[0x19] = {Kind::flag, at(connect)};                           // Request Response Information
  rules[0x1a] = {Kind::text, at(connack)};                           // Response Information
  rules[0x1c] = {Kind::text, at(connack, disconnect)};               // Server Reference
  rules[0x1f] = {Kind::text, at(connack, puback, suback, disconnect)};  // Reason String
  rules[0x21] = {Kind::u16_not_0, at(connect, connack)};                // Receive Maximum
  rules[0x22] = {Kind::u16, at(connect, connack)};                      // Topic Alias Maximum
  rules[0x23] = {Kind::u16_not_0, at(publish)};                         // Topic Alias
  rules[0x24] = {Kind::flag, at(connack)};                              // Maximum QoS
  rules[0x25] = {Kind::flag, at(connack)};                              // Retain Available
  rules[0x26] = {Kind::pair, 0xffff, true};                             // User Property
  rules[0x27] = {Kind::u32_not_0, at(connect, connack)};                // Maximum Packet Size
  rules[0x28] = {Kind::flag, at(connack)};  // Wildcard Subscription Available
  rules[0x29] = {Kind::flag, at(connack)};  // Subscription Identifier Available
  rules[0x2a] = {Kind::flag, at(connack)};  // Shared Subscription Available
  return rules;
}();

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
  return static_cast<std::uint32_t>(big_endian(raw(bytes)));
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
    const Rule its = id < kRules ? kRuleOf[id] : Rule{};
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
