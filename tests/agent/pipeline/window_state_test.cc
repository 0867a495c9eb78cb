#include <algorithm>

#include <doctest/doctest.h>

#include "agent/pipeline/window.h"
#include "platform/base/random.h"
#include "tests/agent/pipeline/window_kit.h"

namespace pinaflux {
namespace {

TEST_CASE_FIXTURE(WindowFixture, "a commit writes the panes that changed, and no others") {
  TimeWindow w = minute({"stddev", "p95"});
  w.length = Duration::seconds(3'600);
  w.keys_max = 100;
  make(NodeKind(w));
  for (std::int64_t second = 0; second < 7'200; second += 10) take(reading(1, second));
  CHECK(drained().size() > 100);
  (void)saved();
  CHECK(pipeline->snapshot().size() > 55);
  take(reading(2, 7'199));
  const auto edits = saved();
  REQUIRE(edits.size() == 2);
  CHECK(edits[0].value.size() + edits[1].value.size() < 200);

  // All of it is there again, and what was given is erased.
  auto states = pipeline->snapshot();
  make(NodeKind(w));
  pipeline->restore(states);
  CHECK(pipeline->snapshot().size() == states.size());
  take(reading(1, 7'200));
  CHECK(drained().size() == 1);
  std::size_t erased = 0;
  for (const StateEdit& edit : saved()) erased += edit.value.empty();
  CHECK(erased == 1);
}

TEST_CASE_FIXTURE(WindowFixture, "panes without their key are erased, and come to no other key") {
  make(NodeKind(minute({"count", "sum"})));
  take(reading(1, 5));
  auto states = saved();
  REQUIRE(states.size() == 2);
  SUBCASE("it is not there") { states.erase(states.begin()); }
  SUBCASE("it is damaged") { states[0].value.back() ^= 0x80; }
  make(NodeKind(minute({"count", "sum"})));
  pipeline->restore(states);
  take(record("other", {{"t", Value::int64(7)}}, at(5)));
  const auto edits = saved();
  CHECK(std::ranges::any_of(
      edits, [&](const StateEdit& e) { return e.key == "pipeline/n/p1" && e.value.empty(); }));
  take(record("other", {{"t", Value::int64(7)}}, at(60)));
  CHECK(drained() == Lines{"0: 7 1"});
}

// Every state with a byte or its end damaged is refused or read, and never harms.
TEST_CASE_FIXTURE(WindowFixture, "damaged states are refused, or give something, and never crash") {
  Random random(7);
  TimeWindow fixed =
      minute({"mean", "max", "stddev", "last", "p50", "distinct", "time_mean", "count"});
  fixed.length = Duration::seconds(180);
  fixed.lateness = Duration::seconds(120);
  fixed.keys = {"k"};
  TimeWindow session = minute({"sum", "p9", "first", "time_mean"});
  session.every = {};
  session.gap = Duration::seconds(10);
  fixed.keys_max = session.keys_max = 100;
  session.lateness = Duration::seconds(100);
  TimeWindow amended = fixed;
  amended.give = {"sum", "p9", "first"};
  amended.lateness = {};
  amended.amend_for = Duration::seconds(300);
  for (const TimeWindow& w : {fixed, session, amended}) {
    make(NodeKind(w));
    for (std::int64_t i = 0; i < 40; ++i) {
      arena.reset();
      take(record("s", {{"t", Value::int64(i * i)}, {"k", Value::text("key")}}, at(i * 17)));
    }
    if (w.amend_for.ns > 0) {
      (void)drained();
      take(record("s", {{"t", Value::int64(1)}, {"k", Value::text("key")}}, at(500)));
    }
    const auto sound = saved();
    REQUIRE(sound.size() > 3);
    make(NodeKind(w));
    pipeline->restore(sound);
    const auto same = pipeline->snapshot();
    REQUIRE(same.size() == sound.size());
    for (std::size_t i = 0; i < same.size(); ++i) {
      CHECK(same[i].key == sound[i].key);
      CHECK(same[i].value == sound[i].value);
    }
    for (int round = 0; round < 4'000; ++round) {
      auto states = sound;
      Buffer& value = states[random.below(states.size())].value;
      if (random.one_in(8)) value.resize(random.below(value.size()));
      for (std::size_t n = random.below(3); n > 0 && !value.empty(); --n) {
        value[random.below(value.size())] = static_cast<std::uint8_t>(random.u64());
      }
      make(NodeKind(w));
      pipeline->restore(states);
      arena.reset();
      group.reset();
      (void)give(record("s", {{"t", Value::int64(1)}, {"k", Value::text("key")}}, at(5'000)));
      for (std::int64_t later = 0; later < 3; ++later) {
        (void)pipeline->drain({instant(10'000 * later), {}}, group, refused);
        (void)saved();
        group.reset();
      }
    }
  }
}

TEST_CASE_FIXTURE(WindowFixture,
                  "a state of other options is not taken, one that means the same is") {
  TimeWindow w = minute();
  make(NodeKind(w));
  take(reading(1, 10));
  const auto states = saved();
  const auto kept = [&](const TimeWindow& other) {
    make(NodeKind(other));
    pipeline->restore(states);
    const std::size_t size = pipeline->snapshot().size();
    CHECK((size == 0 || size == 2));
    if (size == 2) {
      CHECK(saved().empty());
      CHECK(pipeline->late() == 0);
      return true;
    }
    // What is of no use any more goes, and is counted.
    const auto gone = saved();
    REQUIRE(gone.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(gone[i].key == states[i].key);
      CHECK(gone[i].value.empty());
    }
    CHECK(pipeline->late() == 1);
    CHECK(saved().empty());
    return false;
  };
  CHECK(kept(w));
  TimeWindow other = w;
  SUBCASE("more that is given of the same") { CHECK(kept(minute({"sum", "mean", "count"}))); }
  SUBCASE("another stream, lateness") {
    other.stream = "x";
    other.lateness = Duration::seconds(3);
    CHECK(kept(other));
  }
  SUBCASE("another length") {
    other.every = Duration::seconds(30);
    CHECK_FALSE(kept(other));
  }
  SUBCASE("another field") {
    other.of = {"u"};
    CHECK_FALSE(kept(other));
  }
  SUBCASE("a statistic that needs more") { CHECK_FALSE(kept(minute({"mean", "max"}))); }
}

// The bytes of version 2, for ever: an upgrade opens what an older agent stored.
TEST_CASE_FIXTURE(WindowFixture, "the stored state has its golden bytes") {
  make(NodeKind(minute({"stddev", "max", "last", "p50"})));
  take(record("s", {{"t", Value::int64(-2)}}, {61'500'000'000, 9}));
  const auto states = saved();
  REQUIRE(states.size() == 2);
  CHECK(states[0].key == "pipeline/n/00000000");
  CHECK(states[1].key == "pipeline/n/p1");
  CHECK(
      hex(states[0].value) ==
      "028fb8e68da4e19bcc000013060100000000000000730409000000000000000000809cfc9aca03809cfc9aca03ff"
      "ffffffffffffffff01");
  CHECK(
      hex(states[1].value) ==
      "028fb8e68da4e19bcc010080e0ba84bf0380dea0cb0501010000000000000000c000000000000000000000000000"
      "001040000000000000000003feffffffffffffff03feffffffffffffff809cfc9aca0303feffffffffffffff80"
      "9cfc9aca0303feffffffffffffff01e3b80201");
}

TEST_CASE_FIXTURE(WindowFixture, "the stored different values have their golden bytes") {
  make(NodeKind(minute({"distinct"})));
  take(record("s", {{"t", Value::int64(5)}}, at(1)));
  take(record("s", {{"t", Value::text("on")}}, at(2)));
  const auto states = saved();
  REQUIRE(states.size() == 2);
  CHECK(hex(states[1].value) ==
        "020b7566d0202c1b8601000080a8d6b9070202f22b6c779318d1c6f5a86f9c6cea33d50100");
  group.reset();
  make(NodeKind(minute({"distinct"})));
  pipeline->restore(states);
  take(record("s", {{"t", Value::float64(5.0)}}, at(3)));
  take(record("s", {{"t", Value::text("off")}}, at(4)));
  take(record("s", {{"t", Value::null()}}, at(61)));
  take(record("s", {}, at(121)));
  CHECK(drained() == Lines{"0: 3", "60: 0"});
}

}  // namespace
}  // namespace pinaflux
