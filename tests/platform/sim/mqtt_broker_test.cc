#include "platform/sim/mqtt_broker.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "platform/mqtt/reason.h"
#include "platform/sim/mqtt_client.h"
#include "tests/kit/run.h"
#include "tests/platform/mqtt_client_contract.h"
#include "tests/platform/sim/mqtt_kit.h"

namespace pinaflux::tests {
namespace {

using Texts = std::vector<std::string>;

struct TwoClients : BrokerFixture {
  TwoClients() {
    reader.filter = "t/#";
    connect(reader);
    connect(writer);
  }
  SimClient reader{*here, "reader"}, writer{*here, "writer"};
};

struct ClientContract : BrokerFixture {
  bool loop_until(const std::function<bool()>& condition) {
    return kit::run_until(here->loop, condition);
  }
  MqttClientMaker maker = make_sim_mqtt_client_maker(here->loop, here->network);
  std::string address = "tcp://broker:1883";
  pinaflux::tls::Options tls;
};

TEST_CASE_FIXTURE(ClientContract, "the simulated client keeps the contract in both versions") {
  check_publish_and_receive(*this, 5);
  check_publish_and_receive(*this, 4);
}

TEST_CASE_FIXTURE(ClientContract,
                  "the simulated client keeps to the limit of publishes in flight") {
  check_inflight_max(*this);
}

TEST_CASE_FIXTURE(ClientContract, "a broker that is not there is lost() with its address, later") {
  MqttRecorder events;
  const auto client = maker(events);
  for (const char* wrong : {"tcp://broker:1", "nonsense"}) {
    MqttConnect to;
    to.broker = wrong;
    client->connect(to);
    CHECK(events.losses.empty());
    REQUIRE(loop_until([&] { return !events.losses.empty(); }));
    CHECK(events.losses[0].second.find(wrong) != std::string::npos);
    events.losses.clear();
  }
}

TEST_CASE("wildcards match as the standard says") {
  CHECK(topic_matches("a/+/c", "a/b/c"));
  CHECK(topic_matches("a/#", "a"));
  CHECK(topic_matches("#", "a/b"));
  CHECK(topic_matches("+/b", "/b"));
  CHECK_FALSE(topic_matches("a/+", "a"));
  CHECK_FALSE(topic_matches("a/+", "a/b/c"));
  CHECK_FALSE(topic_matches("a", "a/b"));
  CHECK_FALSE(topic_matches("#", "$SYS/x"));
}

TEST_CASE_FIXTURE(TwoClients, "a message for nobody says so in version 5") {
  writer.publish("nobody", "x");
  writer.publish("t/1", "y");

  pass(Duration::milliseconds(20));

  CHECK(writer.pubacks == std::vector<int>{mqtt::reason::kNoSubscriber, 0});
  CHECK(reader.got == Texts{"y"});
}

TEST_CASE_FIXTURE(
    TwoClients, "what was not acknowledged comes again after a reconnect, with DUP and in order") {
  reader.acks = false;
  for (const char* text : {"1", "2", "3"}) writer.publish("t", text);
  pass(Duration::milliseconds(20));

  fabric.link("here", "broker").break_off();
  pass(Duration::milliseconds(20));
  reader.acks = true;
  reader.got.clear();
  connect(reader);

  CHECK(reader.present);
  CHECK(reader.got == Texts{"dup 1", "dup 2", "dup 3"});
  CHECK(memory.queued() == 0);
}

TEST_CASE_FIXTURE(TwoClients,
                  "no more than Receive Maximum are in flight, the others wait in order") {
  reader.session.reset();
  reader.acks = false;
  reader.options.receive_max = 2;
  connect(reader);
  for (const char* text : {"1", "2", "3"}) writer.publish("t", text);
  pass(Duration::milliseconds(20));
  CHECK(reader.got == Texts{"1", "2"});

  reader.session->ack(1);
  pass(Duration::milliseconds(20));

  CHECK(reader.got == Texts{"1", "2", "3"});
}

TEST_CASE_FIXTURE(TwoClients,
                  "messages wait for a client that is away, and for a broker that comes back") {
  reader.session.reset();
  pass(Duration::milliseconds(20));
  writer.publish("t", "waits");
  pass(Duration::milliseconds(20));

  kill();
  start();
  pass(Duration::milliseconds(20));
  connect(reader);

  CHECK(writer.losses == 1);
  CHECK(reader.present);
  CHECK(reader.got == Texts{"waits"});
}

TEST_CASE_FIXTURE(TwoClients,
                  "a broker that forgets at its restart knows neither session nor message") {
  reader.session.reset();
  pass(Duration::milliseconds(20));
  writer.publish("t", "lost");
  pass(Duration::milliseconds(20));

  kill();
  memory.clear();
  start();
  connect(reader);

  CHECK_FALSE(reader.present);
  CHECK(reader.got.empty());
}

TEST_CASE_FIXTURE(
    TwoClients, "a retained message is kept for those who subscribe later, unless they want none") {
  writer.publish("t", "state", true);
  pass(Duration::milliseconds(20));
  SimClient late(*here, "late"), fresh_only(*here, "fresh");
  late.filter = fresh_only.filter = "t";
  fresh_only.retain_handling = 2;

  connect(late);
  connect(fresh_only);

  CHECK(reader.got == Texts{"state"});
  CHECK(late.got == Texts{"kept state"});
  CHECK(fresh_only.got.empty());
}

TEST_CASE_FIXTURE(TwoClients,
                  "a will is published when its client dies, not when it says goodbye") {
  SimClient mortal(*here, "mortal");
  mortal.options.will_topic = "t/will";
  mortal.options.will_payload = "gone";
  connect(mortal);
  mortal.session->disconnect();
  pass(Duration::milliseconds(20));
  CHECK(reader.got.empty());

  connect(mortal);
  mortal.session.reset();
  pass(Duration::milliseconds(20));

  CHECK(reader.got == Texts{"gone"});
}

TEST_CASE_FIXTURE(TwoClients, "a silent client is given up after one and a half keep-alives") {
  SimClient mortal(*here, "mortal");
  mortal.options.will_topic = "t/will";
  mortal.options.will_payload = "gone";
  mortal.options.keep_alive = Duration::seconds(10);
  connect(mortal);
  pass(Duration::minutes(1));
  CHECK(reader.got.empty());
  fabric.link("here", "broker").forget();
  reader.session.reset();

  connect(reader);
  pass(Duration::seconds(14));
  CHECK(reader.got.empty());
  pass(Duration::seconds(2));

  CHECK(reader.got == Texts{"gone"});
}

TEST_CASE_FIXTURE(TwoClients, "a second connection takes the session over") {
  SimClient second(*here, "reader");
  second.filter = "t/#";

  connect(second);
  writer.publish("t", "x");
  pass(Duration::milliseconds(20));

  CHECK(reader.losses == 1);
  CHECK(reader.reason == mqtt::reason::kTakenOver);
  CHECK(second.present);
  CHECK(second.got == Texts{"x"});
}

TEST_CASE_FIXTURE(TwoClients, "a session whose client asked for none is gone with its connection") {
  SimClient brief(*here, "brief");
  brief.options.session_expiry = Duration{};
  brief.filter = "t";
  connect(brief);
  brief.session.reset();
  pass(Duration::milliseconds(20));

  connect(brief);

  CHECK_FALSE(brief.present);
}

TEST_CASE_FIXTURE(
    TwoClients, "a faulty broker drops acks, loses, doubles, and lets publishers pass each other") {
  SimClient other(*here, "other");
  connect(other);
  const auto publish_both = [&](int count) {
    for (int i = 0; i < count; ++i) {
      writer.publish("t/w", "w" + std::to_string(i));
      other.publish("t/o", "o" + std::to_string(i));
    }
    pass(Duration::milliseconds(50));
  };
  broker->faults({.puback_dropped = 2});
  publish_both(50);
  CHECK(reader.got.size() == 100);
  CHECK(writer.pubacks.size() < 50);
  reader.got.clear();
  writer.pubacks.clear();
  broker->faults({.lost = 2});
  publish_both(50);
  CHECK(reader.got.size() < 100);
  CHECK(writer.pubacks.size() == 50);
  reader.got.clear();
  broker->faults({.doubled = 2});
  publish_both(50);
  CHECK(reader.got.size() > 100);

  reader.got.clear();
  broker->faults({.reordered = 2});
  publish_both(20);
  Texts of_writer;
  for (const std::string& text : reader.got) {
    if (text.starts_with('w')) of_writer.push_back(text);
  }
  REQUIRE(of_writer.size() == 20);
  for (std::size_t i = 0; i < 20; ++i) CHECK(of_writer[i] == "w" + std::to_string(i));
}

TEST_CASE("the same seed gives the same conversation, another seed another") {
  const auto trace = [](std::uint64_t seed) {
    SimWorld world(seed);
    const auto here = world.program("here"), its = world.program("broker");
    SimBrokerMemory memory;
    SimBroker broker(its->loop, its->network, memory, seed, {});
    REQUIRE(broker.start().has_value());
    SimClient client(*here, "client");
    client.filter = "t";
    client.connect();
    world.pass(Duration::seconds(1));
    for (int i = 0; i < 100; ++i) {
      client.publish("t", std::to_string(i));
      world.pass(Duration::milliseconds(1));
    }
    CHECK(client.got.size() > 90);
    client.session.reset();
    return world.scheduler.trace();
  };

  CHECK(trace(1) == trace(1));
  CHECK(trace(1) != trace(2));
}

}  // namespace
}  // namespace pinaflux::tests
