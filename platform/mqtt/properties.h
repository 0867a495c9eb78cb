// Properties: the property lists of MQTT 5, read strictly: unknown, misplaced, doubled and
// out-of-range ones are faults.
//
// Ownership  Views into the packet that was read.
// Threads    Values and pure functions; any.
// Tests      tests/platform/mqtt/packet_test.cc
// Source     MQTT Version 5.0, section 2.2.2 and the sections of the packets.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "platform/base/bytes.h"

namespace pinaflux::mqtt {

// What a peer did wrong: `reason` is the code that a DISCONNECT of MQTT 5 names it by.
struct Fault {
  int reason = 0;
  const char* what = "";  // Static text.
};
template <class T>
using Parsed = std::expected<T, Fault>;

// Where a property list stands; a bit each.
enum class Place : std::uint16_t {
  connect = 1,
  will = 2,
  connack = 4,
  publish = 8,
  puback = 16,
  subscribe = 32,
  suback = 64,
  disconnect = 128,
};

// Those that are used; the others are checked and forgotten.
struct Properties {
  std::uint32_t session_expiry_s = 0;
  std::uint16_t receive_max = 65535;
  std::uint32_t packet_bytes_max = 0;  // 0: not named.
  std::int32_t server_keep_alive_s = -1;
  std::uint8_t qos_max = 2;
  bool retain_available = true;
  std::uint16_t topic_alias = 0;
  std::string_view assigned_client_id;
  std::string_view content_type;
  std::string_view reason_string;
};

// Big-endian reading of one packet's body; after the first short read it is failed() and gives
// zeros.
class WireReader {
 public:
  explicit WireReader(Bytes from) : from_(from) {}

  bool failed() const { return failed_; }
  std::size_t left() const { return from_.size() - at_; }
  Bytes rest() { return raw(left()); }
  std::uint8_t u8() { return static_cast<std::uint8_t>(fixed(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(fixed(2)); }
  std::uint32_t u32() { return fixed(4); }
  std::uint32_t varint();  // At most four bytes, in its shortest form.
  Bytes binary() { return raw(u16()); }
  std::string_view text();  // Failed unless valid_utf8().
  Bytes raw(std::size_t n);

 private:
  std::uint32_t fixed(unsigned bytes);
  Bytes from_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

// UTF-8 as MQTT has it: no surrogates, no overlong forms, no U+0000 (section 1.5.4).
bool valid_utf8(Bytes text);

Parsed<Properties> read_properties(WireReader& from, Place place);

}  // namespace pinaflux::mqtt
