#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "platform/linux/loop.h"
#include "platform/linux/network.h"
#include "platform/mqtt/reason.h"
#include "platform/mqtt/session.h"
#include "tests/kit/run.h"
#include "tests/platform/linux/connect_proxy.h"
#include "tests/platform/linux_mqtt/mosquitto.h"
#include "tests/platform/linux_mqtt/pki.h"

namespace pinaflux::tests {
namespace {

struct Recorder : mqtt::Session::Events {
  void connected(const mqtt::Accepted& a) override { accepted.push_back(a); }
  void subscribed(std::string_view, int reason) override { grants.push_back(reason); }
  void message(const mqtt::Message& m) override {
    ids.push_back(m.packet_id);
    payloads.emplace_back(as_text(m.payload));
    duplicates += m.duplicate ? 1 : 0;
  }
  void published(std::uint16_t, int reason) override { pubacks.push_back(reason); }
  void mark_reached(std::uint64_t mark) override { marks.push_back(mark); }
  void closed(Error reason, int code) override {
    errors.push_back(reason);
    codes.push_back(code);
  }
  std::vector<mqtt::Accepted> accepted;
  std::vector<int> grants, pubacks, codes;
  std::vector<std::uint16_t> ids;
  std::vector<std::string> payloads;
  std::vector<std::uint64_t> marks;
  std::vector<Error> errors;
  int duplicates = 0;
};

struct BrokerFixture {
  // False after half a minute.
  bool loop_until(const std::function<bool()>& condition) {
    return kit::poll_until(*loop, condition, Duration::seconds(30));
  }
  std::unique_ptr<mqtt::Session> dial(const Mosquitto& broker, const char* id, Recorder& events,
                                      int version) {
    mqtt::Options options;
    options.broker = broker.address();
    options.client_id = id;
    options.version = version;
    Result<std::unique_ptr<mqtt::Session>> made =
        mqtt::Session::connect(*network, *loop, options, events);
    REQUIRE(made.has_value());
    REQUIRE(loop_until([&] { return !events.accepted.empty() || !events.errors.empty(); }));
    return std::move(*made);
  }

  std::unique_ptr<LinuxLoop> loop = std::move(*LinuxLoop::make());
  std::unique_ptr<Network> network = std::make_unique<LinuxNetwork>(*loop);
};

TEST_CASE_FIXTURE(BrokerFixture,
                  "what was not acknowledged comes again in the same session, what was does not") {
  if (mosquitto_is_missing()) return;
  for (const int version : {5, 4}) {
    Mosquitto broker("allow_anonymous true\nmax_inflight_messages 20\n");
    Recorder reading, writing;
    auto reader = dial(broker, "reader", reading, version);
    reader->subscribe("t/#", 1, 2);
    REQUIRE(loop_until([&] { return reading.grants == std::vector<int>{1}; }));
    auto writer = dial(broker, "writer", writing, version);
    for (int i = 0; i < 20; ++i) {
      REQUIRE(writer->publish("t/a", as_bytes("message " + std::to_string(i)), false).has_value());
    }
    REQUIRE(loop_until([&] { return reading.ids.size() == 20 && writing.pubacks.size() == 20; }));

    for (std::size_t i = 15; i-- > 0;) reader->ack(reading.ids[i]);
    const std::uint64_t mark = reader->mark();
    REQUIRE(loop_until([&] { return !reading.marks.empty(); }));
    CHECK(reading.marks[0] == mark);
    reader->disconnect();
    REQUIRE(loop_until([&] { return !reading.errors.empty(); }));

    Recorder again;
    reader = dial(broker, "reader", again, version);
    CHECK(again.accepted[0].session_present);
    REQUIRE(loop_until([&] { return again.payloads.size() == 5; }));
    CHECK(again.payloads.front() == "message 15");
    CHECK(again.duplicates == 5);
    CHECK(writing.errors.empty());
  }
}

TEST_CASE_FIXTURE(BrokerFixture, "a session speaks over ws and wss, with and without a proxy") {
  if (mosquitto_is_missing() || Pki::is_missing()) return;
  Pki pki;
  pki.issue("broker", "DNS:localhost");
  const std::string websockets = "protocol websockets\nlistener 0 " + pki.path("socket");
  Mosquitto plain("allow_anonymous true\nuser root\n" + websockets + "1\n");
  Mosquitto secure(pki.listener("broker") + websockets + "2\n");
  ConnectProxy proxy(*network);
  for (const bool proxied : {false, true}) {
    for (const std::string& address :
         {plain.address("ws", "localhost"), secure.address("wss", "localhost") + "/mqtt"}) {
      CAPTURE(address);
      mqtt::Options options{.broker = address, .client_id = "c", .clean_start = true};
      options.tls.ca_file = pki.ca();
      if (proxied) options.proxy.address = proxy.address();
      Recorder events;
      auto session = std::move(*mqtt::Session::connect(*network, *loop, options, events));
      REQUIRE(loop_until([&] { return !events.accepted.empty() || !events.errors.empty(); }));
      REQUIRE(events.errors.empty());
      session->subscribe("t", 1, 2);
      const std::string text(200'000, 'x');  // Of two lengths in a frame's head, and several reads.
      for (const std::string& each : {std::string("short"), text})
        REQUIRE(session->publish("t", as_bytes(each), false).has_value());
      REQUIRE(
          loop_until([&] { return events.payloads.size() == 2 && events.pubacks.size() == 2; }));
      CHECK(events.payloads == std::vector<std::string>{"short", text});
      session->disconnect();
      REQUIRE(loop_until([&] { return !events.errors.empty(); }));
    }
  }
  CHECK(proxy.heads.size() == 2);
}

TEST_CASE_FIXTURE(BrokerFixture,
                  "with version 5 thousands of messages wait unacknowledged, none is dropped") {
  if (mosquitto_is_missing()) return;
  Mosquitto broker("allow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 0\n");
  Recorder reading, writing;
  auto reader = dial(broker, "reader", reading, 5);
  reader->subscribe("t", 1, 2);
  REQUIRE(loop_until([&] { return !reading.grants.empty(); }));
  auto writer = dial(broker, "writer", writing, 5);
  int sent = 0;
  REQUIRE(loop_until([&] {
    while (sent < 5000 && writer->publish("t", as_bytes(std::to_string(sent)), false)) ++sent;
    return reading.payloads.size() == 5000;
  }));
  for (const std::uint16_t id : reading.ids) reader->ack(id);
  reader->mark();
  REQUIRE(loop_until([&] { return !reading.marks.empty(); }));
  CHECK(std::set(reading.payloads.begin(), reading.payloads.end()).size() == 5000);
  CHECK(reading.errors.empty());
}

TEST_CASE_FIXTURE(BrokerFixture,
                  "nobody subscribed, a foreign user and a second client of the same id are told") {
  if (mosquitto_is_missing()) return;
  Mosquitto broker, strict("allow_anonymous false\n");
  Recorder first, second, refused;
  auto one = dial(broker, "same", first, 5);
  REQUIRE(one->publish("nobody", as_bytes("x"), false).has_value());
  REQUIRE(loop_until([&] { return !first.pubacks.empty(); }));
  CHECK(first.pubacks[0] == mqtt::reason::kNoSubscriber);
  auto two = dial(broker, "same", second, 5);
  REQUIRE(loop_until([&] { return !first.errors.empty(); }));
  CHECK(first.errors[0].code != Code::timeout);
  auto three = dial(strict, "c", refused, 5);
  REQUIRE(loop_until([&] { return !refused.errors.empty(); }));
  CHECK(refused.errors[0].code == Code::denied);
}

TEST_CASE_FIXTURE(BrokerFixture, "a killed broker and a port without one close the session") {
  if (mosquitto_is_missing()) return;
  Mosquitto broker;
  Recorder events, nobody;
  auto session = dial(broker, "c", events, 5);
  broker.stop();
  REQUIRE(loop_until([&] { return !events.errors.empty(); }));
  auto other = dial(broker, "c", nobody, 5);
  CHECK(nobody.accepted.empty());
  CHECK(nobody.errors.size() == 1);
}

}  // namespace
}  // namespace pinaflux::tests
