// Sample and RateLimit: nodes that let some of the records through.

#include "agent/pipeline/sample.h"

#include <doctest/doctest.h>

#include "agent/pipeline/rate_limit.h"
#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {
namespace {

struct SampleFixture : PipelineFixture {
  void node(NodeKind kind) { make(std::move(kind)); }
  bool second(std::int64_t second, std::uint64_t boot = 0) {
    return keeps(record("s", {{"t", Value::int64(1)}}, at(second, boot)));
  }
  int passed(int records, std::int64_t now) {
    int passed = 0;
    for (int i = 0; i < records; ++i) passed += keeps(reading(1), instant(now));
    return passed;
  }
};

const Sample kEvery{.every = Duration::seconds(10)};
const Sample kOneIn{.one_in = 3};
const RateLimit kLimit{.rate = 5, .per = Duration::seconds(10)};

TEST_CASE_FIXTURE(SampleFixture, "the first record of each interval passes") {
  node(kEvery);
  CHECK(second(103));
  CHECK_FALSE(second(103));
  CHECK_FALSE(second(109));
  CHECK(second(110));
  CHECK_FALSE(second(119));
  CHECK(second(150));
  CHECK(second(165));
  CHECK_FALSE(second(161));
  node(kEvery);
  CHECK(second(-11));
  CHECK(second(-10));
  CHECK_FALSE(second(-1));
  CHECK(second(5));
  turn = at(5, 7);
  CHECK(second(5, 7));
  CHECK_FALSE(second(6, 7));
  CHECK(second(6, 6));  // Of a boot that is over.
  CHECK_FALSE(second(7, 7));
  turn = at(6, 8);
  CHECK(second(6, 8));
}

TEST_CASE_FIXTURE(SampleFixture, "what is late by up to a day is dropped, by more it passes") {
  node(kEvery);
  turn = at(1'000'000);
  CHECK(second(1'000'000));
  CHECK_FALSE(second(999'990));
  CHECK_FALSE(second(1'000'000 - 86'400));
  CHECK(second(1'000'000 - 86'401));
  CHECK(second(1'000'000 - 86'402));
  CHECK_FALSE(second(1'000'009));
  CHECK(second(1'000'010));
}

TEST_CASE_FIXTURE(SampleFixture, "two devices of one key whose clocks differ are thinned") {
  node(kEvery);
  turn = at(1'000'000);
  int passed = 0;
  for (std::int64_t i = 0; i < 100; ++i) {
    passed += second(1'000'000 + i);
    passed += second(1'000'000 + i - 10);
  }
  CHECK(passed == 10);
}

TEST_CASE_FIXTURE(SampleFixture, "a sample goes on where the clock was set back") {
  node(kEvery);
  turn = at(1'000'000);
  CHECK(second(1'000'000));
  turn = at(500'000);
  CHECK(second(500'000));
  CHECK_FALSE(second(500'001));
  CHECK(second(500'010));
}

TEST_CASE_FIXTURE(SampleFixture, "one in three passes, the first to begin with") {
  node(kOneIn);
  std::string passes;
  for (int i = 0; i < 8; ++i) passes += second(0) ? 'x' : '.';
  CHECK(passes == "x..x..x.");
}

TEST_CASE_FIXTURE(SampleFixture, "each stream and each key is sampled by itself") {
  Sample options = kOneIn;
  options.keys = {"k"};
  node(options);
  const auto keyed = [&](const char* stream, Value k) {
    return keeps(record(stream, {{"k", k}, {"t", Value::int64(1)}}));
  };
  CHECK(keyed("a", Value::int64(1)));
  CHECK(keyed("a", Value::int64(2)));
  CHECK(keyed("b", Value::int64(1)));
  CHECK(keyed("a", Value()));
  CHECK_FALSE(keyed("a", Value::float64(1)));
  const std::string long_key(1'100, 'k');
  CHECK(keyed("a", Value::text(long_key)));
  CHECK(keyed("a", Value::text(long_key)));
}

TEST_CASE_FIXTURE(SampleFixture, "a sample goes on after a crash") {
  node(kOneIn);
  CHECK(second(0));
  CHECK_FALSE(second(0));
  auto states = saved();
  REQUIRE(states.size() == 1);
  node(kOneIn);
  pipeline->restore(states);
  CHECK_FALSE(second(0));
  CHECK(second(0));
  node(kEvery);
  pipeline->restore(states);
  CHECK(second(103));
  states = saved();
  node(kEvery);
  pipeline->restore(states);
  CHECK_FALSE(second(104));
  CHECK(second(110));
}

TEST_CASE_FIXTURE(SampleFixture, "a record that is refused elsewhere leaves no trace") {
  for (const NodeKind& kind : {NodeKind(kEvery), NodeKind(kOneIn), NodeKind(kLimit)}) {
    make({{"in"},
          {{"n", {"in"}, kind}, {"r", {"in"}, Rename{.fields = {{"u", "t"}}}}},
          {{"out", {"n", "r"}}}});
    CHECK(give(record("s", {{"t", Value::int64(1)}, {"u", Value::int64(1)}})) ==
          Pipeline::Verdict::refused);
    CHECK(saved().empty());
  }
}

TEST_CASE_FIXTURE(SampleFixture, "a limit lets so many through, and then so many in a time") {
  node(kLimit);
  CHECK(passed(20, 100) == 5);
  CHECK(passed(20, 101) == 0);
  CHECK(passed(20, 102) == 1);
  CHECK(passed(20, 104) == 1);
  CHECK(passed(20, 108) == 2);
  CHECK(passed(20, 9'000) == 5);
  CHECK(passed(20, 8'000) == 0);
}

TEST_CASE_FIXTURE(SampleFixture, "a limit that is kept exactly loses no record to rounding") {
  node(RateLimit{.rate = 3, .per = Duration::seconds(1)});
  int all = 0;
  for (std::int64_t i = 0; i < 3'000; ++i) {
    arena.reset();
    group.reset();
    all += keeps(reading(1), Instant{i * 333'333'334});
  }
  CHECK(all == 3'000);
}

TEST_CASE_FIXTURE(SampleFixture, "a limit goes on after a crash, and is not passed by it") {
  node(kLimit);
  CHECK(passed(3, 100) == 3);
  const auto states = saved();
  REQUIRE(states.size() == 1);
  node(kLimit);
  pipeline->restore(states);
  CHECK(passed(20, 5) == 2);
  CHECK(passed(20, 7) == 1);
}

TEST_CASE_FIXTURE(SampleFixture, "a limit that was used up before a crash fills again") {
  node(kLimit);
  CHECK(passed(20, 100) == 5);
  const auto states = saved();
  node(kLimit);
  pipeline->restore(states);
  CHECK(passed(20, 5) == 0);
  CHECK(passed(20, 7) == 1);
}

TEST_CASE_FIXTURE(SampleFixture, "a limit counts the time of a restart, where the clock tells it") {
  const RateLimit daily{.rate = 1, .per = Duration::days(1)};
  node(daily);
  turn = at(1'000'000);
  CHECK(passed(2, 100) == 1);
  turn = at(9'000'000);
  CHECK(passed(2, 101) == 0);  // A clock that was set forward says nothing.
  const auto states = saved();
  const auto after = [&](Stamp stamp) {
    node(daily);
    pipeline->restore(states);
    turn = stamp;
    return passed(2, 5);
  };
  CHECK(after(at(1'000'000 + 43'200)) == 0);
  CHECK(after(at(1'000'000 + 86'400)) == 1);
  CHECK(after(at(9'000'000, 3)) == 0);
  CHECK(after(at(0)) == 0);
  CHECK(passed(1, 5 + 86'400) == 1);
}

TEST_CASE_FIXTURE(SampleFixture, "a field's name is no kind: other nodes' state is not taken") {
  make(Deadband{.field = "limit"});
  CHECK(keeps(record("s", {{"limit", Value::float64(0)}})));
  const auto states = saved();
  REQUIRE(states.size() == 1);
  node(kLimit);
  pipeline->restore(states);
  CHECK(passed(20, 100) == 5);
}

TEST_CASE_FIXTURE(SampleFixture, "the least recently used key is forgotten") {
  Sample options = kOneIn;
  options.keys_max = 1;
  node(options);
  CHECK(keeps(record("a", {{"t", Value::int64(1)}})));
  CHECK(keeps(record("b", {{"t", Value::int64(1)}})));
  CHECK(keeps(record("a", {{"t", Value::int64(1)}})));
}

TEST_CASE_FIXTURE(SampleFixture, "options that make no sense are refused") {
  const auto refused = [&](NodeKind kind) {
    return !Pipeline::make({{"in"}, {{"n", {"in"}, kind}}, {{"out", {"n"}}}}, shapes);
  };
  CHECK_FALSE(refused(kEvery));
  CHECK_FALSE(refused(kOneIn));
  CHECK_FALSE(refused(kLimit));
  CHECK(refused(Sample{}));
  CHECK(refused(Sample{.every = Duration::seconds(1), .one_in = 2}));
  CHECK(refused(RateLimit{.rate = 0, .per = Duration::seconds(1)}));
  CHECK(refused(RateLimit{.rate = 1}));
  CHECK(refused(Sample{.one_in = 2, .keys = {}, .keys_max = 32'769}));
  CHECK(refused(RateLimit{.rate = 1, .per = Duration::seconds(1), .keys = {}, .keys_max = 32'769}));
}

}  // namespace
}  // namespace pinaflux
