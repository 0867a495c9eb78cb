// What every MqttClient keeps, whoever made it: a recorder of its events, and the promises as
// functions of a fixture that has `loop_until(condition)`, `maker`, `address`, `tls` (for that address) and, where
// the broker can go away, `stop_broker()`.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "platform/mqtt_client.h"

namespace pinaflux::tests {

struct MqttRecorder : MqttClient::Events {
  void connected(const MqttSession& session) override { sessions.push_back(session); }
  void lost(int reason, const std::string& why) override { losses.emplace_back(reason, why); }
  void published(std::uint64_t token, int reason) override { pubacks.emplace_back(token, reason); }
  void message(const std::string& topic, Bytes payload) override {
    messages.emplace_back(topic, std::string(as_text(payload)));
  }

  std::vector<MqttSession> sessions;
  std::vector<std::pair<int, std::string>> losses;
  std::vector<std::pair<std::uint64_t, int>> pubacks;
  std::vector<std::pair<std::string, std::string>> messages;
};

template <class Fixture>
void check_publish_and_receive(Fixture& f, int version) {
  MqttRecorder events;
  const std::unique_ptr<MqttClient> client = f.maker(events);
  CHECK(client->publish({"a/b", as_bytes("early"), false, {}, {}}).error().code == Code::closed);

  MqttConnect options;
  options.broker = f.address;
  options.tls = f.tls;
  options.client_id = "contract";
  options.version = version;
  client->connect(options);
  CHECK(events.sessions.empty());  // Never from inside a call.
  REQUIRE(f.loop_until([&] { return events.sessions.size() == 1; }));
  CHECK(events.sessions[0].version == version);
  REQUIRE(client->subscribe("a/#").has_value());

  std::vector<std::uint64_t> tokens;
  for (int i = 0; i < 20; ++i) {
    const std::string payload = "message " + std::to_string(i);
    const Result<std::uint64_t> token =
        client->publish({"a/b", as_bytes(payload), false, "text/plain", {{"n", "v"}}});
    REQUIRE(token.has_value());
    CHECK(*token != 0);
    tokens.push_back(*token);
  }
  REQUIRE(
      f.loop_until([&] { return events.messages.size() == 20 && events.pubacks.size() == 20; }));
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(events.pubacks[i] == std::pair<std::uint64_t, int>(tokens[i], 0));
    CHECK(events.messages[i].second == "message " + std::to_string(i));
  }
  client->disconnect();
  CHECK(events.losses.empty());
  REQUIRE(f.loop_until([&] { return events.losses.size() == 1; }));
  CHECK(client->publish({"a/b", as_bytes("late"), false, {}, {}}).error().code == Code::closed);
}

template <class Fixture>
void check_inflight_max(Fixture& f) {
  MqttRecorder events;
  const std::unique_ptr<MqttClient> client = f.maker(events);
  MqttConnect options;
  options.broker = f.address;
  options.tls = f.tls;
  options.client_id = "contract";
  options.inflight_max = 3;
  client->connect(options);
  REQUIRE(f.loop_until([&] { return events.sessions.size() == 1; }));

  for (int i = 0; i < 3; ++i)
    REQUIRE(client->publish({"a", as_bytes("x"), false, {}, {}}).has_value());
  CHECK(client->publish({"a", as_bytes("x"), false, {}, {}}).error().code == Code::full);
  REQUIRE(f.loop_until([&] { return events.pubacks.size() == 3; }));
  CHECK(client->publish({"a", as_bytes("x"), false, {}, {}}).has_value());
}

}  // namespace pinaflux::tests
