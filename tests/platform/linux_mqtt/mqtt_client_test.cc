#include "platform/linux/mqtt_client.h"

#include <chrono>
#include <ctime>
#include <thread>

#include <doctest/doctest.h>

#include "platform/mqtt/reason.h"
#include "tests/platform/linux_mqtt/client_fixture.h"

namespace pinaflux::tests {
namespace {

TEST_CASE_FIXTURE(ClientFixture,
                  "Paho keeps the contract of publishing and receiving in both versions") {
  if (mosquitto_is_missing()) return;
  Mosquitto broker;
  address = broker.address();
  check_publish_and_receive(*this, 5);
  check_publish_and_receive(*this, 4);
}

TEST_CASE_FIXTURE(ClientFixture, "Paho keeps to the limit of publishes in flight") {
  if (mosquitto_is_missing()) return;
  Mosquitto broker;
  address = broker.address();
  check_inflight_max(*this);
}

TEST_CASE_FIXTURE(ClientFixture, "a publish that nobody is subscribed to says so in version 5") {
  if (mosquitto_is_missing()) return;
  Mosquitto broker;
  MqttRecorder events;
  const auto client = maker(events);
  client->connect(options(broker));
  REQUIRE(loop_until([&] { return !events.sessions.empty(); }));
  REQUIRE(client->publish({"nobody", as_bytes("x"), false, {}, {}}).has_value());
  REQUIRE(loop_until([&] { return !events.pubacks.empty(); }));
  CHECK(events.pubacks[0].second == mqtt::reason::kNoSubscriber);
}

TEST_CASE_FIXTURE(ClientFixture,
                  "a broker that is not there is lost() with the address in its text") {
  MqttRecorder events;
  const auto client = maker(events);
  MqttConnect to;
  to.broker = "tcp://127.0.0.1:1";
  to.client_id = "gw";
  client->connect(to);
  REQUIRE(loop_until([&] { return !events.losses.empty(); }));
  CHECK(events.losses[0].second.find("127.0.0.1:1") != std::string::npos);
  CHECK(events.sessions.empty());
}

TEST_CASE_FIXTURE(ClientFixture, "a client that is not connected costs no CPU") {
  if (mosquitto_is_missing()) return;
  using std::chrono::milliseconds;
  Mosquitto broker;
  MqttRecorder unheard;
  const auto idle = maker(unheard);  // Keeps Paho's threads alive.
  for (int i = 0; i < 8; ++i) {
    {
      MqttRecorder events;
      const auto client = maker(events);
      client->connect(options(broker));
      REQUIRE(loop_until([&] { return !events.sessions.empty(); }));
    }
    std::this_thread::sleep_for(milliseconds(50));
    const std::clock_t begin = std::clock();
    std::this_thread::sleep_for(milliseconds(100));
    CHECK((std::clock() - begin) * 1000 / CLOCKS_PER_SEC < 50);
  }
}

TEST_CASE_FIXTURE(ClientFixture, "a wrong password is told with its reason in both versions") {
  if (mosquitto_is_missing()) return;
  Mosquitto broker("allow_anonymous false\n");
  for (const int version : {4, 5}) {
    MqttRecorder events;
    const auto client = maker(events);
    MqttConnect to = options(broker, version);
    to.user = "u";
    to.password = "wrong";
    client->connect(to);
    REQUIRE(loop_until([&] { return !events.losses.empty(); }));
    CHECK(mqtt::reason_code(events.losses[0].first) == Code::denied);
    CHECK(events.losses[0].second.find("cannot reach") == std::string::npos);
  }
}

TEST_CASE_FIXTURE(ClientFixture, "a killed broker is lost() once, and the client connects again") {
  if (mosquitto_is_missing()) return;
  Mosquitto broker;
  MqttRecorder events;
  const auto client = maker(events);
  for (std::size_t round = 1; round <= 3; ++round) {
    client->connect(options(broker));
    REQUIRE(loop_until([&] { return events.sessions.size() == round; }));
    broker.stop();
    REQUIRE(loop_until([&] { return events.losses.size() == round; }));
    broker.start();
  }
  CHECK(events.losses.size() == 3);
}

TEST_CASE_FIXTURE(ClientFixture,
                  "the will is published when the client dies, not when it says goodbye") {
  if (mosquitto_is_missing()) return;
  Mosquitto broker;
  MqttRecorder watcher_events, events;
  const auto watcher = maker(watcher_events);
  MqttConnect watching = options(broker);
  watching.client_id = "watcher";
  watcher->connect(watching);
  REQUIRE(loop_until([&] { return !watcher_events.sessions.empty(); }));
  REQUIRE(watcher->subscribe("status").has_value());
  const auto client = maker(events);
  MqttConnect to = options(broker);
  to.will_topic = "status";
  to.will_payload = "lost";
  client->connect(to);
  REQUIRE(loop_until([&] { return !events.sessions.empty(); }));

  REQUIRE(client->publish({"status", as_bytes("offline"), true, {}, {}}).has_value());
  client->disconnect();
  REQUIRE(loop_until([&] { return !events.losses.empty() && !watcher_events.messages.empty(); }));
  client->connect(to);
  REQUIRE(loop_until([&] { return events.sessions.size() == 2; }));
  REQUIRE(client->publish({"status", as_bytes("online"), true, {}, {}}).has_value());
  REQUIRE(loop_until([&] { return watcher_events.messages.size() == 2; }));

  CHECK(watcher_events.messages[0].second == "offline");
  CHECK(watcher_events.messages[1].second == "online");
}

TEST_CASE_FIXTURE(ClientFixture,
                  "a client may be destroyed at any moment, its events never come after") {
  if (mosquitto_is_missing()) return;
  Mosquitto broker;
  MqttRecorder busy_events;
  const auto busy = maker(busy_events);
  MqttConnect other = options(broker);
  other.client_id = "busy";
  busy->connect(other);
  REQUIRE(loop_until([&] { return !busy_events.sessions.empty(); }));
  for (int round = 0; round < 15; ++round) {
    MqttRecorder events;
    auto client = maker(events);
    client->connect(options(broker, round % 2 == 0 ? 5 : 4));
    if (round % 3 != 0) REQUIRE(loop_until([&] { return !events.sessions.empty(); }));
    if (round % 3 == 2) {
      REQUIRE(client->subscribe("x").has_value());
      for (int i = 0; i < 30; ++i) (void)client->publish({"x", as_bytes("payload"), false, {}, {}});
    }
    if (round % 5 == 0) loop_until([turns = 0]() mutable { return ++turns > 1; });
    client.reset();
  }
  CHECK(busy_events.losses.empty());
}

}  // namespace
}  // namespace pinaflux::tests

// Paho 1.3 drops a packet that it read for a client which is destroyed before its thread has the lock again: half a
// kilobyte each, and only then. Its archive has no frame pointers.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the sanitizer's names.
extern "C" {
const char* __lsan_default_suppressions();
const char* __lsan_default_suppressions() { return "leak:MQTTPacket_suback\n"; }
const char* __asan_default_options();
const char* __asan_default_options() { return "fast_unwind_on_malloc=0"; }
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
