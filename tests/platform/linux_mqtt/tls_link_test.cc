// TLS under Paho over links that chop, stall and end in the middle, and over many connections.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <malloc.h>

#include "tests/platform/linux_mqtt/client_fixture.h"
#include "tests/platform/linux_mqtt/pki.h"
#include "tests/platform/linux_mqtt/proxy.h"

namespace pinaflux::tests {
namespace {

struct LinkFixture : ClientFixture {
  LinkFixture() { pki.issue("broker", "DNS:localhost"); }

  MqttConnect over(int port, const std::string& id) {
    MqttConnect made;
    made.broker = "tls://localhost:" + std::to_string(port);
    made.client_id = id;
    made.tls.ca_file = pki.ca();
    return made;
  }
  std::unique_ptr<MqttClient> connected(MqttRecorder& events, const MqttConnect& to) {
    auto client = maker(events);
    connect(*client, events, to);
    REQUIRE(events.sessions.size() == 1);
    return client;
  }
  void turn(int times) {
    loop_until([turns = 0, times]() mutable { return ++turns > times; });
  }

  Pki pki;
};

std::string large(std::size_t bytes) {
  std::string text(bytes, 'x');
  for (std::size_t i = 0; i < bytes; i += 997) text[i] = static_cast<char>('a' + i % 26);
  return text;
}

TEST_CASE_FIXTURE(LinkFixture,
                  "5 MB go both ways through a link that chops and stalls, a small one behind") {
  if (tools_are_missing()) return;
  Mosquitto broker(pki.listener("broker"));
  ChoppingProxy proxy(broker.port(), 997);
  MqttRecorder events;
  const auto client = connected(events, over(proxy.port(), "gw"));
  REQUIRE(client->subscribe("a").has_value());

  const std::string text = large(5 * 1024 * 1024);
  proxy.stall_up(true);
  REQUIRE(client->publish({"a", as_bytes(text), false, {}, {}}).has_value());
  REQUIRE(client->publish({"a", as_bytes("small"), false, {}, {}}).has_value());
  turn(20);
  proxy.stall_up(false);
  REQUIRE(loop_until([&] { return events.messages.size() == 2 || !events.losses.empty(); }));

  REQUIRE(events.losses.empty());
  CHECK(events.messages[0].second == text);
  CHECK(events.messages[1].second == "small");
}

TEST_CASE_FIXTURE(LinkFixture,
                  "a link that ends in one direction is lost(), after the handshake and before") {
  if (tools_are_missing()) return;
  Mosquitto broker(pki.listener("broker"));
  ChoppingProxy proxy(broker.port(), 100);
  MqttRecorder events;
  const auto client = connected(events, over(proxy.port(), "gw"));
  proxy.close_half();
  REQUIRE(loop_until([&] { return !events.losses.empty(); }));
  CHECK(events.losses[0].second.contains("broke"));

  proxy.stall_up(true);
  client->connect(over(proxy.port(), "gw"));
  REQUIRE(loop_until([&] { return proxy.accepted() == 2; }));
  proxy.close_half();
  REQUIRE(loop_until([&] { return events.losses.size() == 2; }));
  CAPTURE(events.losses[1].second);
  CHECK(events.losses[1].second.contains("hung up in the middle of the TLS handshake"));
}

TEST_CASE_FIXTURE(LinkFixture, "a port that says nothing ends in a text that names the handshake") {
  if (tools_are_missing()) return;
  Mosquitto broker(pki.listener("broker"));
  ChoppingProxy proxy(broker.port(), 100);
  proxy.stall_up(true);
  MqttRecorder events;
  const auto client = maker(events);
  MqttConnect to = over(proxy.port(), "gw");
  to.timeout = Duration::seconds(1);

  connect(*client, events, to);
  REQUIRE(!events.losses.empty());

  CHECK(events.losses[0].second.contains("handshake"));
  CHECK(events.losses[0].second.contains("within 1 s"));
}

// Eight clients at a time, one of which is refused.
struct ManyFixture : LinkFixture {
  ManyFixture() {
    for (std::size_t i = 0; i < kClients; ++i) clients.push_back(maker(events[i]));
  }
  // Bytes of the heap that are in use after that.
  std::int64_t reconnect(int port, int rounds) {
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < kClients; ++i) {
        events[i].sessions = {};
        events[i].losses = {};
        MqttConnect to = over(port, "gw" + std::to_string(i));
        if (i == kRefused) to.broker = "tls://127.0.0.1:" + std::to_string(port);
        clients[i]->connect(to);
      }
      REQUIRE(loop_until([&] {
        return std::ranges::all_of(
            events, [](const auto& e) { return !e.sessions.empty() || !e.losses.empty(); });
      }));
      for (std::size_t i = 0; i < kClients; ++i)
        CHECK(events[i].sessions.empty() == (i == kRefused));
    }
    return static_cast<std::int64_t>(::mallinfo2().uordblks);
  }

  static constexpr std::size_t kClients = 8, kRefused = 7;
  std::array<MqttRecorder, kClients> events;
  std::vector<std::unique_ptr<MqttClient>> clients;
};

// PINAFLUX_RECONNECTS=10000 for the long run.
TEST_CASE_FIXTURE(ManyFixture, "connections leave no memory behind") {
  if (tools_are_missing()) return;
  Mosquitto broker(pki.listener("broker"));
  const char* asked = std::getenv("PINAFLUX_RECONNECTS");
  const int count = asked != nullptr ? std::atoi(asked) : 192;

  const std::int64_t warm = reconnect(broker.port(), 6);
  const std::int64_t after = reconnect(broker.port(), count / static_cast<int>(kClients));

  // A connection that stays has more than 10 KB. The heap's own lists of small pieces count as in use, so the bound is
  // one for any count: 57 KB, six bytes each of 10,000.
  MESSAGE("bytes after " << count << " more connections: " << after - warm);
  CHECK(after - warm < 57'600);
}

}  // namespace
}  // namespace pinaflux::tests
