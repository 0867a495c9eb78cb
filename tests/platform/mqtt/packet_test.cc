#include "platform/mqtt/packet.h"

#include <initializer_list>
#include <string>

#include <doctest/doctest.h>

namespace pinaflux::mqtt {
namespace {

Buffer bytes_of(std::initializer_list<int> values) {
  Buffer bytes;
  for (const int value : values) bytes.push_back(static_cast<std::uint8_t>(value));
  return bytes;
}

Frame frame_of(const Buffer& bytes) {
  static Framer framer(1 << 20);
  framer = Framer(1 << 20);
  framer.feed(bytes);
  Frame frame;
  const Parsed<bool> next = framer.next(frame);
  REQUIRE(next.has_value());
  REQUIRE(*next);
  return frame;
}

int framing_fault(const Buffer& bytes, std::uint32_t packet_bytes_max = 1 << 20) {
  Framer framer(packet_bytes_max);
  framer.feed(bytes);
  Frame frame;
  const Parsed<bool> next = framer.next(frame);
  return next ? 0 : next.error().reason;
}

TEST_CASE("a CONNECT of version 5 has its golden bytes and reads back") {
  Connect packet;
  packet.client_id = "gw";
  packet.clean_start = true;
  packet.keep_alive_s = 30;
  packet.user = "u";
  packet.password = as_bytes("p");
  packet.session_expiry_s = 60;
  packet.receive_max = 100;
  packet.packet_bytes_max = 4096;

  Buffer bytes;
  REQUIRE(put_connect(bytes, packet));

  CHECK(bytes == bytes_of({0x10, 0x22, 0, 4, 'M', 'Q', 'T',  'T', 5,   0xc2, 0, 30,
                           13,   0x11, 0, 0, 0,   60,  0x21, 0,   100, 0x27, 0, 0,
                           16,   0,    0, 2, 'g', 'w', 0,    1,   'u', 0,    1, 'p'}));
  const Parsed<Connect> back = parse_connect(frame_of(bytes));
  REQUIRE(back.has_value());
  CHECK(back->client_id == "gw");
  CHECK(back->user == "u");
  CHECK(as_text(*back->password) == "p");
  CHECK(back->session_expiry_s == 60);
  CHECK(back->receive_max == 100);
  CHECK(back->packet_bytes_max == 4096);
}

TEST_CASE("a CONNECT with a will reads back in both versions") {
  for (const int version : {4, 5}) {
    Connect packet;
    packet.version = version;
    packet.will = Will{"a/status", as_bytes("lost"), 1, true};
    Buffer bytes;
    REQUIRE(put_connect(bytes, packet));

    const Parsed<Connect> back = parse_connect(frame_of(bytes));

    REQUIRE(back.has_value());
    CHECK(back->version == version);
    REQUIRE(back->will.has_value());
    CHECK(back->will->topic == "a/status");
    CHECK(as_text(back->will->payload) == "lost");
    CHECK(back->will->qos == 1);
    CHECK(back->will->retained);
  }
}

TEST_CASE("a PUBLISH has its golden bytes in both versions") {
  Publish packet;
  packet.topic = "a/b";
  packet.payload = as_bytes("hi");
  packet.qos = 1;
  packet.packet_id = 10;
  Buffer v4, v5;
  REQUIRE(put_publish(v4, packet, 4));
  REQUIRE(put_publish(v5, packet, 5));

  CHECK(v4 == bytes_of({0x32, 9, 0, 3, 'a', '/', 'b', 0, 10, 'h', 'i'}));
  CHECK(v5 == bytes_of({0x32, 10, 0, 3, 'a', '/', 'b', 0, 10, 0, 'h', 'i'}));
  CHECK(publish_bytes(packet, 5) == v5.size());
  const Parsed<Publish> back = parse_publish(frame_of(v5), 5);
  REQUIRE(back.has_value());
  CHECK(back->topic == "a/b");
  CHECK(as_text(back->payload) == "hi");
  CHECK(back->packet_id == 10);
}

TEST_CASE("acks and pings have their golden bytes") {
  Buffer bytes;
  put_puback(bytes, {258, 0}, 5);
  put_puback(bytes, {258, 0x10}, 5);
  put_puback(bytes, {258, 0x10}, 4);
  put_pingreq(bytes);
  put_pingresp(bytes);
  put_disconnect(bytes, 0, 5);
  put_disconnect(bytes, 0x93, 5);
  CHECK(bytes == bytes_of({0x40, 2, 1,    2, 0x40, 3, 1,    2, 0x10, 0x40, 2,
                           1,    2, 0xc0, 0, 0xd0, 0, 0xe0, 0, 0xe0, 1,    0x93}));
}

TEST_CASE("a SUBSCRIBE and its SUBACK read back in both versions") {
  for (const int version : {4, 5}) {
    Buffer bytes;
    REQUIRE(put_subscribe(bytes, 7, {"a/+/#", 1, 2}, version));
    const Parsed<Subscribe> subscribe = parse_subscribe(frame_of(bytes), version);
    REQUIRE(subscribe.has_value());
    CHECK(subscribe->packet_id == 7);
    CHECK(subscribe->subscriptions.size() == 1);
    CHECK(subscribe->subscriptions[0].filter == "a/+/#");
    CHECK(subscribe->subscriptions[0].retain_handling == (version == 5 ? 2 : 0));

    const Buffer granted = bytes_of({1});
    Buffer answer;
    put_suback(answer, {7, granted}, version);
    const Parsed<Suback> suback = parse_suback(frame_of(answer), version);
    REQUIRE(suback.has_value());
    CHECK(suback->reasons[0] == 1);
  }
}

TEST_CASE("a stream gives the same packets however it is cut") {
  Buffer stream;
  for (int i = 1; i <= 20; ++i) {
    const std::string payload(static_cast<std::size_t>(i * 37), 'x');
    Publish packet;
    packet.topic = "t";
    packet.payload = as_bytes(payload);
    REQUIRE(put_publish(stream, packet, 5));
    put_pingresp(stream);
  }
  for (std::size_t piece = 1; piece <= stream.size(); piece += piece < 8 ? 1 : 61) {
    Framer framer(4096);
    std::size_t publishes = 0, pings = 0, payload_bytes = 0;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      framer.feed(Bytes(stream).subspan(at, std::min(piece, stream.size() - at)));
      Frame frame;
      for (;;) {
        const Parsed<bool> next = framer.next(frame);
        REQUIRE(next.has_value());
        if (!*next) break;
        pings += frame.type == Type::pingresp;
        if (frame.type != Type::publish) continue;
        ++publishes;
        payload_bytes += parse_publish(frame, 5)->payload.size();
      }
    }
    CHECK(publishes == 20);
    CHECK(pings == 20);
    CHECK(payload_bytes == 37 * 210);
  }
}

TEST_CASE("whole packets are views into what was fed") {
  Buffer stream;
  Publish packet;
  packet.topic = "t";
  packet.payload = as_bytes("payload");
  REQUIRE(put_publish(stream, packet, 5));
  Framer framer(4096);
  framer.feed(stream);
  Frame frame;
  REQUIRE(*framer.next(frame));
  CHECK(frame.body.data() > stream.data());
  CHECK(frame.body.data() < stream.data() + stream.size());
}

TEST_CASE("framing refuses what is no MQTT, too large or not asked for") {
  CHECK(framing_fault(bytes_of({0x00, 0})) == reason::kMalformed);
  CHECK(framing_fault(bytes_of({'H', 'T', 'T', 'P'})) ==
        reason::kMalformed);  // A PUBACK with flags.
  CHECK(framing_fault(bytes_of({0x31, 0x80, 0x80, 0x80, 0x80, 1})) == reason::kMalformed);
  CHECK(framing_fault(bytes_of({0x31, 0x80, 0x00})) ==
        reason::kMalformed);  // Not the shortest form.
  CHECK(framing_fault(bytes_of({0x31, 0xff, 0x7f}), 1000) == reason::kTooLarge);
  CHECK(framing_fault(bytes_of({0xd1, 0})) == reason::kMalformed);
  CHECK(framing_fault(bytes_of({0x62, 2, 0, 1})) == reason::kProtocol);  // PUBREL: QoS 2.
  CHECK(framing_fault(bytes_of({0xf0, 0})) == reason::kProtocol);        // AUTH.
  CHECK(framing_fault(bytes_of({0x31, 98, 0}), 100) == 0);
  CHECK(framing_fault(bytes_of({0x31, 99, 0}), 100) == reason::kTooLarge);
}

int publish_fault(std::initializer_list<int> bytes, int version = 5) {
  const Buffer buffer = bytes_of(bytes);
  const Parsed<Publish> packet = parse_publish(frame_of(buffer), version);
  return packet ? 0 : packet.error().reason;
}

TEST_CASE("a PUBLISH that breaks a rule is a fault with its reason code") {
  CHECK(publish_fault({0x30, 4, 0, 1, 't', 0}) == 0);
  CHECK(publish_fault({0x36, 6, 0, 1, 't', 0, 1, 0}) == reason::kMalformed);  // QoS 3.
  CHECK(publish_fault({0x34, 6, 0, 1, 't', 0, 1, 0}) == reason::kProtocol);   // QoS 2.
  CHECK(publish_fault({0x38, 4, 0, 1, 't', 0}) == reason::kMalformed);        // DUP with QoS 0.
  CHECK(publish_fault({0x32, 6, 0, 1, 't', 0, 0, 0}) == reason::kMalformed);  // Packet id 0.
  CHECK(publish_fault({0x30, 4, 0, 1, '#', 0}) == reason::kMalformed);
  CHECK(publish_fault({0x30, 4, 0, 1, '+', 0}) == reason::kMalformed);
  CHECK(publish_fault({0x30, 3, 0, 0, 0}) == reason::kMalformed);     // No topic, no alias.
  CHECK(publish_fault({0x30, 4, 0, 1, 0, 0}) == reason::kMalformed);  // U+0000.
  CHECK(publish_fault({0x30, 5, 0, 2, 0xc0, 0x80, 0}) == reason::kMalformed);        // Overlong.
  CHECK(publish_fault({0x30, 6, 0, 3, 0xed, 0xa0, 0x80, 0}) == reason::kMalformed);  // Surrogate.
  CHECK(publish_fault({0x30, 3, 0, 9, 't'}) == reason::kMalformed);                  // Cut short.
  CHECK(publish_fault({0x30, 7, 0, 1, 't', 3, 0x23, 0, 1}) == reason::kTopicAlias);
  CHECK(publish_fault({0x30, 7, 0, 1, 't', 3, 0x23, 0, 0}) == reason::kProtocol);  // Alias 0.
}

TEST_CASE("property lists are read strictly") {
  CHECK(publish_fault({0x30, 6, 0, 1, 't', 2, 0x01, 1}) == 0);
  CHECK(publish_fault({0x30, 6, 0, 1, 't', 2, 0x01, 2}) == reason::kProtocol);  // Not a flag.
  CHECK(publish_fault({0x30, 8, 0, 1, 't', 4, 0x01, 1, 0x01, 1}) == reason::kProtocol);  // Twice.
  CHECK(publish_fault({0x30, 8, 0, 1, 't', 4, 0x0b, 1, 0x0b, 2}) == 0);            // May repeat.
  CHECK(publish_fault({0x30, 6, 0, 1, 't', 2, 0x7f, 1}) == reason::kMalformed);    // Unknown.
  CHECK(publish_fault({0x30, 7, 0, 1, 't', 3, 0x21, 0, 1}) == reason::kProtocol);  // Misplaced.
  CHECK(publish_fault({0x30, 5, 0, 1, 't', 9, 0x01}) == reason::kMalformed);       // Cut short.
  CHECK(publish_fault({0x30, 6, 0, 1, 't', 2, 0x03, 0}) == reason::kMalformed);
}

TEST_CASE("a CONNACK is read in both versions, and the refusal of an old broker in version 5") {
  const Buffer old = bytes_of({0x20, 2, 0, 1});
  CHECK(parse_connack(frame_of(old), 5)->reason == reason::kUnsupportedVersion);
  CHECK(parse_connack(frame_of(old), 4)->reason == reason::kUnsupportedVersion);
  const Buffer denied = bytes_of({0x20, 2, 0, 5});
  CHECK(parse_connack(frame_of(denied), 4)->reason == reason::kNotAuthorised);
  const Buffer no_properties = bytes_of({0x20, 2, 0, 0});
  CHECK_FALSE(parse_connack(frame_of(no_properties), 5).has_value());
  const Buffer full = bytes_of({0x20, 14, 1, 0, 11, 0x21, 0, 20, 0x27, 0, 0, 16, 0, 0x13, 0, 9});
  const Parsed<Connack> packet = parse_connack(frame_of(full), 5);
  REQUIRE(packet.has_value());
  CHECK(packet->session_present);
  CHECK(packet->properties.receive_max == 20);
  CHECK(packet->properties.packet_bytes_max == 4096);
  CHECK(packet->properties.server_keep_alive_s == 9);
}

TEST_CASE("topic filters take wildcards only where they may stand") {
  for (const char* good : {"#", "+", "a/#", "+/a", "a/+/b", "/", "a//b", "$share/g/a"}) {
    CHECK_MESSAGE(valid_topic_filter(good), good);
  }
  for (const char* bad : {"", "a#", "#/a", "a/b+", "+a", "a/#/b", "\xff"}) {
    CHECK_MESSAGE(!valid_topic_filter(bad), bad);
  }
  CHECK(valid_topic_name("a/b"));
  CHECK_FALSE(valid_topic_name("a/+"));
  CHECK_FALSE(valid_topic_name(""));
}

TEST_CASE("every refusal has a text and a code") {
  CHECK(reason_code(reason::kUnsupportedVersion) == Code::unsupported);
  CHECK(reason_code(reason::kNotAuthorised) == Code::denied);
  CHECK(std::string(reason_text(reason::kNotAuthorised)).find("access list") != std::string::npos);
  CHECK(std::string(reason_text(0xee)).find("broker's log") != std::string::npos);
}

}  // namespace
}  // namespace pinaflux::mqtt
