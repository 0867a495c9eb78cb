#include "agent/ingest/lines_source.h"

#include <doctest/doctest.h>

#include "tests/agent/ingest/fakes.h"

namespace pinaflux {
namespace {

using Rows = std::vector<std::string>;

struct LinesFixture {
  fake::World world;
  LinesSourceOptions options;
  std::unique_ptr<LinesSource> source;

  LinesFixture() {
    options.name = "in";
    options.address = "tcp://127.0.0.1:0";
  }
  void start() {
    source = std::make_unique<LinesSource>(options, world.host());
    REQUIRE(source->start());
  }
  void drain() {
    while (source->ready()) world.turn(*source);
  }
};

TEST_CASE_FIXTURE(LinesFixture, "lines of many connections become records") {
  start();
  const auto a = world.network.peer();
  const auto b = world.network.peer();
  a->send("{\"a\":1}\n{\"a\"");
  b->send("{\"b\":1}\n");
  drain();
  a->send(":2}\n");
  drain();
  CHECK(world.rows == Rows{"in{a=1i}", "in{b=1i}", "in{a=2i}"});
  CHECK(a->written.empty());
}

TEST_CASE_FIXTURE(LinesFixture, "standard input ends: the last line counts, then it is finished") {
  options.address = "stdin:";
  start();
  world.network.dialled->send("{\"a\":1}\n{\"a\":2}");
  drain();
  CHECK(world.rows == Rows{"in{a=1i}"});
  CHECK_FALSE(source->finished());
  world.network.dialled->close();
  CHECK_FALSE(source->finished());
  drain();
  CHECK(world.rows == Rows{"in{a=1i}", "in{a=2i}"});
  CHECK(source->finished());
  CHECK(source->health().text.find("finished") != std::string::npos);
}

TEST_CASE_FIXTURE(LinesFixture, "the count of lines on disk is written back after each commit") {
  options.ack_count = true;
  start();
  const auto a = world.network.peer();
  a->send("{\"a\":1}\nbad\n\n{\"a\":2}\n");
  world.poll(*source);
  CHECK(a->written.empty());
  CHECK(source->stalled());
  world.commit(*source);
  CHECK(a->written == "3\n");
  a->send("{\"a\":3}\n");
  world.turn(*source);
  CHECK(a->written == "3\n4\n");
}

TEST_CASE_FIXTURE(LinesFixture, "a sender that has no more still gets its last count") {
  options.ack_count = true;
  start();
  const auto a = world.network.peer();
  a->send("{\"a\":1}\n{\"a\":2}");
  CHECK(a->events->ended());
  world.poll(*source);
  CHECK_FALSE(a->finished);
  world.commit(*source);
  CHECK(a->written == "2\n");
  CHECK(a->finished);
}

TEST_CASE_FIXTURE(LinesFixture, "line protocol and fixed streams work line by line") {
  options.format = Format::influx;
  options.stream = "lab";
  start();
  world.network.peer()->send("# comment\nm v=1i\nm v=\n");
  drain();
  CHECK(world.rows == Rows{"lab/m{v=1i}"});
  CHECK(world.refusals.size() == 1);
}

TEST_CASE_FIXTURE(LinesFixture, "a line of 100 MB is refused once without being kept") {
  start();
  const auto a = world.network.peer();
  const std::string block(64 * 1024, 'x');
  for (int i = 0; i < 1600; ++i) a->send(block);
  CHECK_FALSE(source->ready());
  CHECK_FALSE(a->paused);
  a->send("\n{\"a\":1}\n");
  drain();
  CHECK(world.rows == Rows{"in{a=1i}"});
  REQUIRE(world.refusals.size() == 1);
  CHECK(world.refusals[0].reason == Reason::too_large);
  CHECK(world.refusals[0].byte_count == 1600ull * 64 * 1024);
}

TEST_CASE_FIXTURE(LinesFixture,
                  "a flooding connection is paused and takes no more than its share") {
  start();
  const auto flood = world.network.peer();
  const auto calm = world.network.peer();
  std::string many;
  while (many.size() < 600'000) many += "{\"flood\":1}\n";
  flood->send(many);
  CHECK(flood->paused);
  calm->send("{\"calm\":1}\n");
  world.turn(*source);
  CHECK(std::ranges::count(world.rows, "in{calm=1i}") == 1);
  CHECK(world.rows.size() * 12 < limits::kPollBytesMax);
  drain();
  CHECK_FALSE(flood->paused);
}

TEST_CASE_FIXTURE(LinesFixture, "connections are bounded, and ended ones make room") {
  start();
  std::vector<std::shared_ptr<fake::Wire>> peers;
  for (std::size_t i = 0; i < LinesSource::kConnectionsMax; ++i) {
    peers.push_back(world.network.peer());
    REQUIRE(peers.back() != nullptr);
  }
  CHECK(world.network.peer() == nullptr);
  peers[0]->close();
  CHECK(world.network.peer() != nullptr);
  CHECK_FALSE(peers[0]->alive);
}

TEST_CASE_FIXTURE(LinesFixture, "what a connection sent before it broke is not lost") {
  start();
  const auto a = world.network.peer();
  a->send("{\"a\":1}\n{\"a\":2}\n");
  a->close();
  drain();
  CHECK(world.rows.size() == 2);
}

TEST_CASE_FIXTURE(LinesFixture, "what a broken connection cut off is not a record") {
  options.format = Format::influx;
  options.stream = "lab";
  start();
  const auto a = world.network.peer();
  a->send("m v=1i\nm v=123");
  a->break_off();
  drain();
  CHECK(world.rows == Rows{"lab/m{v=1i}"});
  CHECK(world.refusals.empty());
}

TEST_CASE_FIXTURE(LinesFixture, "held: nothing is read") {
  start();
  const auto a = world.network.peer();
  a->send("{\"a\":1}\n");
  source->hold(Hold::full);
  CHECK(a->paused);
  CHECK_FALSE(source->ready());
  const auto b = world.network.peer();
  CHECK(b->paused);
  source->hold(Hold::none);
  CHECK_FALSE(a->paused);
  CHECK_FALSE(b->paused);
  drain();
  CHECK(world.rows.size() == 1);
}

TEST_CASE_FIXTURE(LinesFixture, "without room lines wait in order") {
  start();
  const auto a = world.network.peer();
  for (int i = 0; i < 100; ++i) a->send("{\"a\":" + std::to_string(i) + ",\"b\":1,\"c\":1}\n");
  while (source->ready()) {
    world.poll(*source, 1000);
    world.commit(*source);
  }
  REQUIRE(world.rows.size() == 100);
  for (int i = 0; i < 100; ++i) {
    CHECK(world.rows[static_cast<std::size_t>(i)] == "in{a=" + std::to_string(i) + "i,b=1i,c=1i}");
  }
}

TEST_CASE_FIXTURE(LinesFixture, "an address in use is an error of the start") {
  options.address = "tcp://taken:1";
  source = std::make_unique<LinesSource>(options, world.host());
  CHECK(source->start().error().code == Code::busy);
}

}  // namespace
}  // namespace pinaflux
