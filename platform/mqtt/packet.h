// Packet: the bytes of MQTT 3.1.1 and 5, both ways, QoS 0 and 1 only.
//
// Promise    Parsers trust nothing: whatever the bytes are, they give a packet or a Fault with the
//            reason code of MQTT 5 for it, and read nothing outside. Complete packets are not
//            copied.
// Limits     Framer: `packet_bytes_max` a packet, fixed header included.
// Ownership  Packets are views into the bytes that were fed.
// Threads    A Framer has one owner; the rest are pure functions.
// Tests      tests/platform/mqtt/packet_test.cc, tests/fuzz/mqtt_packet_fuzz.cc
// Source     MQTT Version 5.0 and 3.1.1, OASIS Standards.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/base/bytes.h"
#include "platform/mqtt/properties.h"
#include "platform/mqtt/reason.h"

namespace pinaflux::mqtt {

enum class Type : std::uint8_t {
  connect = 1,
  connack = 2,
  publish = 3,
  puback = 4,
  subscribe = 8,
  suback = 9,
  pingreq = 12,
  pingresp = 13,
  disconnect = 14,
};

struct Frame {
  Type type{};
  std::uint8_t flags = 0;
  Bytes body;
};

// Cuts a byte stream into frames. feed(), then next() until it says false; then the rest is kept.
class Framer {
 public:
  explicit Framer(std::uint32_t packet_bytes_max) : packet_bytes_max_(packet_bytes_max) {}

  void feed(Bytes bytes) { input_ = bytes; }
  // False: all of the input was taken. `to` lives until the next call and within the bytes fed.
  Parsed<bool> next(Frame& to);

 private:
  struct Size {
    std::size_t header = 0;  // 0: more bytes are needed.
    std::size_t whole = 0;
  };
  Parsed<Size> measure(Bytes bytes) const;
  Parsed<bool> next_of_kept(Frame& to);
  void take(std::size_t bytes);

  std::uint32_t packet_bytes_max_;
  Bytes input_;
  Buffer kept_;  // The beginning of a packet whose end has not come yet.
  bool kept_given_ = false;
};

struct Will {
  std::string_view topic;
  Bytes payload;
  std::uint8_t qos = 0;
  bool retained = false;
};
struct Connect {
  int version = 5;
  bool clean_start = false;
  std::uint16_t keep_alive_s = 0;
  std::string_view client_id;
  std::optional<Will> will;
  std::optional<std::string_view> user;
  std::optional<Bytes> password;
  std::uint32_t session_expiry_s = 0;  // These three: MQTT 5 only.
  std::uint16_t receive_max = 65535;
  std::uint32_t packet_bytes_max = 0;
};
struct Connack {
  bool session_present = false;
  int reason = 0;  // Of MQTT 5, whatever the version.
  Properties properties;
};
struct Publish {
  std::string_view topic;
  Bytes payload;
  std::uint16_t packet_id = 0;
  std::uint8_t qos = 0;
  bool duplicate = false;
  bool retained = false;
  std::string_view content_type;
};
struct Puback {
  std::uint16_t packet_id = 0;
  int reason = 0;
};
struct Subscription {
  std::string_view filter;
  std::uint8_t qos = 0;
  std::uint8_t retain_handling = 0;
};
struct Subscribe {
  std::uint16_t packet_id = 0;
  std::vector<Subscription> subscriptions;
};
struct Suback {
  std::uint16_t packet_id = 0;
  Bytes reasons;  // At least one.
};
struct Disconnect {
  int reason = 0;
  std::string_view reason_string;
};

bool valid_topic_name(std::string_view topic);     // Not empty, UTF-8, no wildcards.
bool valid_topic_filter(std::string_view filter);  // Wildcards where they may stand.

// `version` is 5 or 4 (3.1.1). A CONNECT carries its own.
Parsed<Connect> parse_connect(const Frame& frame);
Parsed<Connack> parse_connack(const Frame& frame, int version);
Parsed<Publish> parse_publish(const Frame& frame, int version);
Parsed<Puback> parse_puback(const Frame& frame, int version);
Parsed<Subscribe> parse_subscribe(const Frame& frame, int version);
Parsed<Suback> parse_suback(const Frame& frame, int version);
Parsed<Disconnect> parse_disconnect(const Frame& frame, int version);

// These append to `to`. Texts must fit their 16-bit lengths: false, and nothing appended,
// otherwise.
[[nodiscard]] bool put_connect(Buffer& to, const Connect& packet);
void put_connack(Buffer& to, const Connack& packet, int version);
[[nodiscard]] bool put_publish(Buffer& to, const Publish& packet, int version);
void put_puback(Buffer& to, const Puback& packet, int version);
[[nodiscard]] bool put_subscribe(Buffer& to, std::uint16_t packet_id, const Subscription& one,
                                 int version);
void put_suback(Buffer& to, const Suback& packet, int version);
void put_pingreq(Buffer& to);
void put_pingresp(Buffer& to);
void put_disconnect(Buffer& to, int reason, int version);

// What put_publish() would append; 0 if it would not.
std::size_t publish_bytes(const Publish& packet, int version);

}  // namespace pinaflux::mqtt
