#include "agent/ingest/mqtt_source.h"

#include <doctest/doctest.h>

#include "tests/agent/ingest/fakes.h"

namespace pinaflux {
namespace {

using Ids = std::vector<std::uint16_t>;
using Rows = std::vector<std::string>;

struct MqttFixture {
  fake::World world;
  fake::Broker broker;
  std::unique_ptr<MqttSource> source;
  MqttSourceOptions options;

  MqttFixture() {
    options.name = "zigbee";
    options.broker = "tcp://b:1883";
    options.topics = {"z/+"};
  }
  void start(bool session_present = false) {
    source = std::make_unique<MqttSource>(options, world.host(), broker.connector());
    source->restore(world.stored());
    REQUIRE(source->start());
    broker.accept(session_present);
  }
  void reconnect(bool session_present = true) {
    broker.cut();
    world.loop.pass(Duration::seconds(61));
    REQUIRE(broker.session != nullptr);
    broker.accept(session_present);
  }
  // The process dies with all that is in memory.
  void kill() {
    source.reset();
    world.restart();
    broker.acks.clear();
  }
};

TEST_CASE_FIXTURE(MqttFixture, "a message is acknowledged after its commit, not before") {
  start();
  broker.publish(1, "z/a", R"({"t":1})");
  broker.publish(2, "z/b", R"({"t":2})");
  CHECK(source->ready());
  world.poll(*source);
  CHECK(broker.acks.empty());
  CHECK_FALSE(source->ready());
  world.commit(*source);
  CHECK(broker.acks == Ids{1, 2});
  CHECK(world.rows == Rows{"zigbee/z/a{t=1i}", "zigbee/z/b{t=2i}"});
  CHECK(source->health().records_committed == 2);
}

TEST_CASE_FIXTURE(MqttFixture, "the session is persistent and named by gateway and source") {
  start();
  CHECK(broker.session->options.client_id == "pinaflux-gw-zigbee");
  CHECK_FALSE(broker.session->options.clean_start);
  CHECK(broker.session->options.receive_max == limits::kReceiveMaximum);
  CHECK(broker.subscriptions == Rows{"z/+"});
  CHECK(broker.retain_handling == 2);
}

TEST_CASE_FIXTURE(MqttFixture, "a bad payload is refused and acknowledged with its commit") {
  start();
  broker.publish(1, "z/a", "{nope");
  broker.publish(2, "z/a", "[{\"t\":1},{\"t\":2}]");
  world.turn(*source);
  CHECK(broker.acks == Ids{1, 2});
  CHECK(world.rows.size() == 2);
  CHECK(world.refusals.size() == 1);
}

TEST_CASE_FIXTURE(MqttFixture, "a QoS 0 message is stored and needs no row") {
  start();
  broker.publish(0, "z/a", R"({"t":1})");
  world.turn(*source);
  CHECK(world.rows.size() == 1);
  CHECK(world.cursors.empty());
}

TEST_CASE_FIXTURE(MqttFixture, "killed before the commit: redelivered and stored once") {
  start();
  broker.publish(1, "z/a", R"({"t":1})");
  world.poll(*source);
  kill();
  start(true);
  broker.publish(1, "z/a", R"({"t":1})", true);
  world.turn(*source);
  CHECK(world.rows == Rows{"zigbee/z/a{t=1i}"});
  CHECK(broker.acks == Ids{1});
}

TEST_CASE_FIXTURE(MqttFixture,
                  "killed between commit and PUBACK: redelivered, acknowledged, not stored") {
  start();
  broker.publish(1, "z/a", R"({"t":1})");
  world.turn(*source);
  kill();
  start(true);
  broker.publish(1, "z/a", R"({"t":1})", true);
  CHECK(broker.acks == Ids{1});
  CHECK_FALSE(source->ready());
  CHECK(world.rows.size() == 1);
  CHECK(source->health().duplicates == 1);
}

TEST_CASE_FIXTURE(MqttFixture,
                  "cut while a message waits: redelivered, stored once, acknowledged once") {
  start();
  broker.publish(1, "z/a", R"({"t":1})");
  reconnect();
  broker.publish(1, "z/a", R"({"t":1})", true);
  world.turn(*source);
  CHECK(world.rows.size() == 1);
  CHECK(broker.acks == Ids{1});
  CHECK(source->health().duplicates == 1);
}

TEST_CASE_FIXTURE(MqttFixture,
                  "cut while a message is in flight: acknowledged on the new connection") {
  start();
  broker.publish(1, "z/a", R"({"t":1})");
  world.poll(*source);
  reconnect();
  broker.publish(1, "z/a", R"({"t":1})", true);
  world.commit(*source);
  CHECK(broker.acks == Ids{1});
  CHECK(world.rows.size() == 1);
}

TEST_CASE_FIXTURE(MqttFixture,
                  "committed while the broker is away: acknowledged when it comes again") {
  start();
  broker.publish(1, "z/a", R"({"t":1})");
  world.poll(*source);
  broker.cut();
  world.commit(*source);
  CHECK(broker.acks.empty());
  world.loop.pass(Duration::seconds(61));
  broker.accept(true);
  broker.publish(1, "z/a", R"({"t":1})", true);
  CHECK(broker.acks == Ids{1});
  CHECK_FALSE(source->ready());
}

TEST_CASE_FIXTURE(MqttFixture, "a slow broker that still sends again is waited for") {
  start();
  for (const std::uint16_t id : Ids{1, 2, 3}) broker.publish(id, "z/a", R"({"t":1})");
  world.turn(*source);
  kill();
  start(true);
  for (const std::uint16_t id : Ids{1, 2, 3}) {
    world.loop.pass(Duration::seconds(6));
    broker.publish(id, "z/a", R"({"t":1})", true);
  }
  CHECK(broker.acks == Ids{1, 2, 3});
  CHECK(world.rows.size() == 3);
  // A message with DUP after that was acknowledged, and lost before it got here.
  world.loop.pass(Duration::seconds(11));
  reconnect();
  world.loop.pass(Duration::seconds(11));
  broker.publish(3, "z/a", R"({"t":1})", true);
  CHECK(source->ready());
}

TEST_CASE_FIXTURE(MqttFixture, "an id used again after its PUBACK is a new message") {
  start();
  for (int i = 0; i < 3; ++i) {
    broker.publish(1, "z/a", R"({"t":1})");
    world.turn(*source);
  }
  CHECK(world.rows.size() == 3);
  CHECK(broker.acks == Ids{1, 1, 1});
  CHECK(source->health().duplicates == 0);
}

TEST_CASE_FIXTURE(MqttFixture, "a broker that lost the session starts afresh") {
  start();
  broker.publish(1, "z/a", R"({"t":1})");
  world.poll(*source);
  reconnect(false);
  broker.publish(1, "z/a", R"({"t":1})");
  world.turn(*source);
  CHECK(world.rows.size() == 2);
  CHECK(broker.acks == Ids{1});
}

TEST_CASE_FIXTURE(MqttFixture,
                  "rows are erased in a later parcel once the broker has the PUBACKs") {
  start();
  broker.publish(1, "z/a", R"({"t":1})");
  world.turn(*source);
  CHECK(world.cursors.size() == 1);
  CHECK(broker.last_mark == 1);
  broker.answer_ping();
  broker.publish(2, "z/a", R"({"t":2})");
  world.turn(*source);
  CHECK(world.cursors.size() == 1);
  CHECK(world.cursors.contains("row/0000000000000002"));
}

TEST_CASE_FIXTURE(MqttFixture, "retained messages are ignored unless they are wanted") {
  start();
  broker.publish(1, "z/a", R"({"t":1})", false, true);
  CHECK_FALSE(source->ready());
  CHECK(broker.acks == Ids{1});
  options.retained = true;
  start();
  CHECK(broker.retain_handling == 0);
  broker.publish(1, "z/a", R"({"t":1})", false, true);
  CHECK(source->ready());
}

TEST_CASE_FIXTURE(MqttFixture, "a broker that knows no MQTT 5 is asked again in 3.1.1, at once") {
  source = std::make_unique<MqttSource>(options, world.host(), broker.connector());
  REQUIRE(source->start());
  CHECK(broker.session->options.version == 5);
  broker.cut({Code::unsupported, 0, "no"});
  world.loop.pass(Duration{1});
  REQUIRE(broker.session != nullptr);
  CHECK(broker.session->options.version == 4);
  broker.accept(false);
  reconnect();
  CHECK(broker.session->options.version == 4);
}

TEST_CASE_FIXTURE(MqttFixture, "with 3.1.1 every pause with something uncommitted is a stall") {
  source = std::make_unique<MqttSource>(options, world.host(), broker.connector());
  REQUIRE(source->start());
  broker.cut({Code::unsupported, 0, "no"});
  world.loop.pass(Duration{1});
  broker.accept(false);
  CHECK_FALSE(source->stalled());
  broker.publish(1, "z/a", R"({"t":1})");
  CHECK_FALSE(source->stalled());
  world.poll(*source);
  CHECK(source->stalled());
  world.commit(*source);
  CHECK_FALSE(source->stalled());
}

TEST_CASE_FIXTURE(MqttFixture, "with MQTT 5 a few messages are no stall, a window full is") {
  start();
  broker.publish(1, "z/a", R"({"t":1})");
  world.poll(*source);
  world.loop.pass(Duration::seconds(1));
  CHECK_FALSE(source->stalled());
  for (std::uint16_t id = 2; id <= limits::kReceiveMaximum; ++id) {
    broker.publish(id, "z/a", R"({"t":1})");
  }
  while (source->ready()) world.poll(*source);
  CHECK(source->stalled());
}

TEST_CASE_FIXTURE(MqttFixture, "reading stops while held, and while too much waits") {
  start();
  source->hold(Hold::full);
  CHECK(broker.session->paused);
  CHECK_FALSE(source->ready());
  CHECK(source->health().state == SourceHealth::State::waiting);
  source->hold(Hold::none);
  CHECK_FALSE(broker.session->paused);
  const std::string large = R"({"t":")" + std::string(10'000, 'x') + "\"}";
  for (std::uint16_t id = 1; id <= 110; ++id) broker.publish(id, "z/a", large);
  CHECK(broker.session->paused);
  while (source->ready()) world.turn(*source);
  CHECK_FALSE(broker.session->paused);
  CHECK(world.rows.size() == 110);
}

TEST_CASE_FIXTURE(MqttFixture, "one poll takes a bounded share, and what has no room waits") {
  start();
  const std::string large = R"({"t":")" + std::string(10'000, 'x') + "\"}";
  for (std::uint16_t id = 1; id <= 100; ++id) broker.publish(id, "z/a", large);
  world.poll(*source);
  const std::size_t first = world.intake.records.size();
  CHECK(first > 20);
  CHECK(first < 30);
  world.poll(*source, 50'000);
  CHECK(world.intake.records.size() == 4);
  CHECK(source->ready());
}

TEST_CASE_FIXTURE(MqttFixture, "a refused subscription and a missing broker say what to do") {
  start();
  broker.session->events.subscribed("z/+", 0x87);
  CHECK(source->health().state == SourceHealth::State::failed);
  CHECK(source->health().text.find("access rights") != std::string::npos);
  broker.cut({Code::refused, 0, "connection refused"});
  CHECK(source->health().state == SourceHealth::State::failed);
  CHECK(source->health().text.find("connection refused") != std::string::npos);
}

TEST_CASE_FIXTURE(MqttFixture, "a fixed stream takes all topics; influx adds its measurement") {
  options.stream = "all";
  options.format = Format::influx;
  start();
  broker.publish(1, "z/a", "m v=1i 5");
  world.turn(*source);
  CHECK(world.rows == Rows{"all/m{v=1i}"});
}

}  // namespace
}  // namespace pinaflux
