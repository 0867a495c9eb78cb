// What Paho says to a broker beside topic and payload, byte by byte.

#include <utility>

#include <MQTTAsync.h>

#include "platform/linux/mqtt_properties.h"
#include "platform/linux/network.h"
#include "platform/mqtt/packet.h"
#include "tests/platform/linux_mqtt/client_fixture.h"

namespace pinaflux::tests {
namespace {

// Takes whoever comes, and keeps what he says.
class Ear : private Stream::Events {
 public:
  Ear(Network& network, std::string connack) : connack_(std::move(connack)) {
    auto listening = network.listen("tcp://127.0.0.1:0", {}, [this](Network::Accepted& accepted) {
      stream_ = accepted.with(*this);
    });
    REQUIRE(listening.has_value());
    listener_ = std::move(*listening);
  }
  std::string address() const { return listener_->address(); }
  void answer(std::uint16_t id, int reason) {
    Buffer puback;
    mqtt::put_puback(puback, {id, reason}, 5);
    REQUIRE(stream_->write(puback));
  }
  // The packets but the first, and the CONNECT.
  std::vector<Buffer> packets;
  Buffer connect;

 private:
  void bytes(Bytes bytes) override {
    append(heard_, as_text(bytes));
    for (;;) {
      if (heard_.size() < 2) return;
      std::size_t size = 0, header = 1;
      for (unsigned shift = 0;; shift += 7) {
        if (header == heard_.size()) return;
        size |= (heard_[header] & 0x7fu) << shift;
        if ((heard_[header++] & 0x80) == 0) break;
      }
      if (heard_.size() < header + size) return;
      const auto end = heard_.begin() + static_cast<std::ptrdiff_t>(header + size);
      Buffer body(heard_.begin() + static_cast<std::ptrdiff_t>(header), end);
      heard_.erase(heard_.begin(), end);
      if (connect.empty()) {
        connect = std::move(body);
        REQUIRE(stream_->write(as_bytes(connack_)));
      } else {
        packets.push_back(std::move(body));
      }
    }
  }
  void connected() override {}
  bool ended() override { return false; }
  void drained() override {}
  void closed(Error) override {}

  std::string connack_;
  Buffer heard_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Stream> stream_;
};

// A CONNACK of MQTT 5, with so many topic aliases.
std::string connack(char aliases) { return {'\x20', 6, 0, 0, 3, '\x22', 0, aliases}; }

struct PropertiesFixture : ClientFixture {
  LinuxNetwork network{*loop};
  MqttRecorder events;

  std::unique_ptr<MqttClient> reach(const Ear& ear, MqttConnect to = {}) {
    auto client = maker(events);
    to.broker = ear.address();
    to.client_id = "gw";
    connect(*client, events, to);
    REQUIRE(events.sessions.size() == 1);
    return client;
  }
  // And is answered with this reason.
  void say(MqttClient& client, const MqttPublish& publish, Ear& ear, int reason = 0) {
    const std::size_t before = ear.packets.size();
    events.pubacks.clear();
    REQUIRE(client.publish(publish).has_value());
    REQUIRE(loop_until([&] { return ear.packets.size() == before + 1; }));
    ear.answer(id_of(ear.packets.back()), reason);
    REQUIRE(loop_until([&] { return !events.pubacks.empty(); }));
    CHECK(events.pubacks[0].second == reason);
  }
  static std::uint16_t id_of(const Buffer& body) {
    mqtt::WireReader reader(body);
    (void)reader.text();
    return reader.u16();
  }
  // A PUBLISH as: topic, properties.
  static std::pair<std::string, std::string> read(const Buffer& body) {
    mqtt::WireReader reader(body);
    const std::string topic(reader.text());
    (void)reader.u16();
    const std::string properties(as_text(reader.raw(reader.varint())));
    REQUIRE_FALSE(reader.failed());
    return {topic, properties};
  }
};

using Pair = std::pair<std::string, std::string>;
using namespace std::string_literals;

TEST_CASE_FIXTURE(PropertiesFixture,
                  "a topic that comes again is a number, as far as the broker has some") {
  Ear ear(network, connack(2));
  const auto client = reach(ear);
  CHECK(events.sessions[0].topic_aliases == 2);
  for (const char* topic : {"plant/a", "plant/b", "plant/a", "plant/c", "plant/c", "plant/b", "x"})
    say(*client, {.topic = topic, .payload = as_bytes("1")}, ear);
  say(*client, {.topic = "plant/a", .payload = as_bytes("1"), .retained = true}, ear);

  std::vector<Pair> said;
  for (const Buffer& packet : ear.packets) said.push_back(read(packet));
  const std::vector<Pair> expected = {
      {"plant/a", "\x23\0\1"s}, {"plant/b", "\x23\0\2"s}, {"", "\x23\0\1"s}, {"plant/c", ""},
      {"plant/c", ""},          {"", "\x23\0\2"s},        {"x", ""},         {"plant/a", ""}};
  CHECK(said == expected);
}

TEST_CASE_FIXTURE(PropertiesFixture,
                  "a broker that refused what taught it a number is taught again") {
  Ear ear(network, connack(2));
  const auto client = reach(ear);
  const MqttPublish publish{.topic = "plant/a", .payload = as_bytes("1")};
  say(*client, publish, ear, mqtt::reason::kQuota);
  say(*client, publish, ear);
  say(*client, publish, ear);
  CHECK(read(ear.packets[0]) == Pair{"plant/a", "\x23\0\1"s});
  CHECK(read(ear.packets[1]) == Pair{"plant/a", "\x23\0\1"s});
  CHECK(read(ear.packets[2]) == Pair{"", "\x23\0\1"s});
}

TEST_CASE_FIXTURE(PropertiesFixture,
                  "a broker without topic aliases, and another connection, hear topics") {
  Ear first(network, connack(1)), second(network, connack(1)), none(network, connack(0));
  for (Ear* ear : {&first, &second, &none}) {
    const auto client = reach(*ear);
    say(*client, {.topic = "plant/a", .payload = as_bytes("1")}, *ear);
    say(*client, {.topic = "plant/a", .payload = as_bytes("2")}, *ear);
  }
  CHECK(read(second.packets[0]) == Pair{"plant/a", "\x23\0\1"s});
  CHECK(read(second.packets[1]) == Pair{"", "\x23\0\1"s});
  CHECK(read(none.packets[1]) == Pair{"plant/a", ""});
}

TEST_CASE_FIXTURE(PropertiesFixture,
                  "content type, expiry and user properties are said in version 5") {
  Ear ear(network, connack(0));
  const auto client = reach(ear);
  say(*client,
      {.topic = "t",
       .payload = as_bytes("1"),
       .content_type = "a/b",
       .properties = {{"lane", "alarm"}},
       .expiry = Duration::milliseconds(3'599'001)},
      ear);
  CHECK(read(ear.packets[0]) == Pair{"t", "\x03\0\3a/b\x26\0\4lane\0\5alarm\x02\0\0\x0e\x10"s});
}

// Paho would index a table by what cannot be printed.
TEST_CASE_FIXTURE(PropertiesFixture, "no payload is rendered for Paho's trace") {
  static std::string traced;
  MQTTAsync_setTraceCallback(
      [](MQTTASYNC_TRACE_LEVELS, char* line) { traced += std::string(line) + '\n'; });
  MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_PROTOCOL);
  Ear ear(network, connack(0));
  const auto client = reach(ear);
  say(*client, {.topic = "t", .payload = as_bytes("hidden")}, ear);
  MQTTAsync_setTraceCallback(nullptr);
  CHECK(traced.contains("PUBLISH"));
  CHECK_FALSE(traced.contains("hidden"));
}

TEST_CASE_FIXTURE(PropertiesFixture, "a will that waits has a session that waits for us") {
  for (const bool waits : {true, false}) {
    Ear ear(network, connack(0));
    MqttConnect to;
    to.will_topic = "w";
    to.will_payload = "gone";
    if (waits) to.will_delay = Duration::seconds(30);
    const auto client = reach(ear, to);
    mqtt::WireReader reader(ear.connect);
    CHECK(reader.text() == "MQTT");
    CHECK(reader.u8() == 5);
    CHECK((reader.u8() & 2) == (waits ? 0 : 2));  // Clean start.
    (void)reader.u16();
    const std::string of_connect(as_text(reader.raw(reader.varint())));
    CHECK((of_connect.find("\x11\0\0\0\x1e"s) != std::string::npos) == waits);
    CHECK(reader.text() == "gw");
    CHECK(as_text(reader.raw(reader.varint())) == (waits ? "\x18\0\0\0\x1e"s : ""s));
    CHECK(reader.text() == "w");
  }
}

TEST_CASE_FIXTURE(PropertiesFixture,
                  "who reads hears whole topics, whatever was said in their place") {
  if (mosquitto_is_missing()) return;
  Mosquitto broker;
  const auto client = maker(events);
  connect(*client, events, options(broker));
  CHECK(events.sessions[0].topic_aliases > 0);
  REQUIRE(client->subscribe("plant/#").has_value());
  for (int i = 0; i < 50; ++i) {
    const std::string topic = "plant/" + std::to_string(i % 13);
    REQUIRE(client->publish({.topic = topic, .payload = as_bytes(topic)}).has_value());
    REQUIRE(loop_until([&] { return events.pubacks.size() == static_cast<std::size_t>(i) + 1; }));
  }
  REQUIRE(loop_until([&] { return events.messages.size() == 50; }));
  for (const auto& [topic, payload] : events.messages) CHECK(topic == payload);
}

}  // namespace
}  // namespace pinaflux::tests
