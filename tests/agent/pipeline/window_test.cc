#include "agent/pipeline/window.h"

#include <cmath>

#include <doctest/doctest.h>

#include "tests/agent/pipeline/window_kit.h"
#include "tests/kit/counted_heap.h"

namespace pinaflux {
namespace {

TEST_CASE_FIXTURE(WindowFixture, "a window is given once a record shows that its time is over") {
  make(NodeKind(minute({"mean", "min", "max", "sum", "count", "first", "last"})));
  take(reading(2, 61));
  take(reading(4, 119));
  CHECK(drained().empty());
  take(reading(9, 120));
  CHECK(drained() == Lines{"60: 3 2 4 6 2 4 2"});
  CHECK(group.record_count() == 0);
}

TEST_CASE_FIXTURE(WindowFixture, "fields have their names, and the stream its own if it is said") {
  TimeWindow w = minute({"mean", "count", "p99"});
  w.of = {"t", "u"};
  w.keys = {"k"};
  w.stream = "s/1m";
  make(NodeKind(w));
  take(record("s", {{"t", Value::int64(1)}, {"k", Value::text("x")}}, at(0)));
  take(record("s", {{"t", Value::int64(1)}, {"k", Value::text("x")}}, at(60)));
  (void)pipeline->drain({}, group, refused);
  REQUIRE(group.records[0].size() == 1);
  const Shape& shape = group.records[0][0].shape();
  CHECK(shape.stream() == "s/1m");
  const std::vector<std::string> names(shape.fields().begin(), shape.fields().end());
  CHECK(names == std::vector<std::string>{"k", "t_mean", "t_p99", "u_mean", "u_p99", "count"});
  CHECK(drained() == Lines{"0: x 1 1 - - 1"});
}

TEST_CASE_FIXTURE(WindowFixture, "sliding windows overlap, and none is given that has no record") {
  TimeWindow w = minute({"sum"});
  w.length = Duration::seconds(180);
  make(NodeKind(w));
  take(reading(1, 0));
  take(reading(2, 60));
  take(reading(4, 600));
  CHECK(drained() == Lines{"-120: 1", "-60: 3", "0: 3", "60: 2"});
}

TEST_CASE_FIXTURE(WindowFixture, "a session ends by silence, and a record between joins two") {
  TimeWindow w{.gap = Duration::seconds(10), .of = {"t"}, .give = {"sum", "count"}};
  w.lateness = Duration::seconds(20);
  make(NodeKind(w));
  for (std::int64_t second : {100, 118, 109, 135}) take(reading(1, second));
  CHECK(drained().empty());
  take(reading(1, 148));
  CHECK(drained() == Lines{"100: 3 3"});
}

TEST_CASE_FIXTURE(WindowFixture,
                  "a late record is dropped and counted, or passed to who takes it") {
  TimeWindow w = minute({"count"});
  w.of = {};
  SUBCASE("drop") {
    make(NodeKind(w));
    for (std::int64_t second : {10, 70, 20}) take(reading(1, second));
    CHECK(pipeline->late() == 1);
    CHECK(drained() == Lines{"0: 1"});
  }
  SUBCASE("pass") {
    w.pass_late = true;
    make({{"in"}, {{"n", {"in"}, w}}, {{"out", {"n"}}, {"late", {"n.late"}}}});
    for (std::int64_t second : {10, 70, 20}) take(reading(1, second));
    CHECK(pipeline->late() == 0);
    REQUIRE(group.records[1].size() == 1);
    CHECK(group.records[1][0].time() == at(20));
    CHECK(drained() == Lines{"0: 1"});
  }
}

TEST_CASE_FIXTURE(WindowFixture, "one device's wrong clock closes no other's windows") {
  TimeWindow w = minute({"count"});
  w.of = {};
  w.keys = {"k"};
  make(NodeKind(w));
  const auto from = [&](const char* k, std::int64_t second) {
    take(record("s", {{"k", Value::text(k)}}, at(second)));
  };
  from("a", 10);
  from("b", 80'000);
  from("a", 20);
  CHECK(drained().empty());
  from("a", 60);
  CHECK(drained() == Lines{"0: a 2"});
}

TEST_CASE_FIXTURE(WindowFixture, "silence closes a window, and next() says when") {
  TimeWindow w = minute();
  w.lateness = Duration::seconds(5);
  make(NodeKind(w));
  CHECK(pipeline->next() == Instant::never());
  take(reading(1, 50), 1'000);
  CHECK(pipeline->next() == instant(1'015));
  CHECK(drained(1'014).empty());
  CHECK(drained(1'015) == Lines{"0: 1"});
  CHECK(pipeline->next() == Instant::never());

  SUBCASE("after a restart it counts from the start") {
    take(reading(1, 110), 2'000);
    const auto states = saved();
    make(NodeKind(w));
    pipeline->restore(states);
    CHECK(drained(5).empty());
    CHECK(pipeline->next() == instant(20));
    CHECK(drained(20) == Lines{"60: 1"});
  }
  SUBCASE("while sources are held back there is none") {
    take(reading(1, 110), 2'000);
    pipeline->hold(true, instant(2'001));
    CHECK(drained(3'000).empty());
    CHECK(pipeline->next() == Instant::never());
    pipeline->hold(false, instant(3'000));
    CHECK(drained(3'014).empty());
    CHECK(drained(3'015) == Lines{"60: 1"});
  }
}

TEST_CASE_FIXTURE(WindowFixture, "records of a boot have windows of their own, with its stamp") {
  make(NodeKind(minute({"sum"})));
  take(record("s", {{"t", Value::int64(1)}}, at(10, 7)));
  take(record("s", {{"t", Value::int64(2)}}, at(20)));
  take(record("s", {{"t", Value::int64(4)}}, at(60, 7)));
  CHECK(drained() == Lines{"0#7: 1"});
}

TEST_CASE_FIXTURE(WindowFixture,
                  "by arrival the turn's time counts, and a clock set back loses nothing") {
  TimeWindow w = minute({"count"});
  w.of = {};
  w.by_arrival = true;
  make(NodeKind(w));
  const auto arrives = [&](std::int64_t second) {
    CHECK(pipeline->process(0, reading(1, 5), {{}, at(second)}, group).verdict ==
          Pipeline::Verdict::taken);
  };
  for (std::int64_t second : {100, 130, 70, 181}) arrives(second);
  CHECK(pipeline->late() == 0);
  CHECK(drained() == Lines{"60: 1", "120: 2"});
}

TEST_CASE_FIXTURE(WindowFixture, "the least recently used key gives what it has to make room") {
  TimeWindow w = minute({"count"});
  w.of = {};
  w.keys = {"k"};
  w.keys_max = 2;
  make(NodeKind(w));
  const auto from = [&](const char* k) { take(record("s", {{"k", Value::text(k)}}, at(5))); };
  for (const char* k : {"a", "b", "a", "c"}) from(k);
  CHECK(saved().size() == 6);
  CHECK(drained() == Lines{"0: b 1"});
  const auto edits = saved();
  REQUIRE(edits.size() == 2);
  CHECK(edits[0].value.empty());
  CHECK(edits[1].value.empty());

  from("d");  // a goes,
  from("a");  // and comes back before it was given: c goes.
  CHECK(drained() == Lines{"0: c 1"});
}

TEST_CASE_FIXTURE(WindowFixture, "a window goes on through other nodes, and may be refused there") {
  Rename rename{.fields = {{"t_sum", "count"}}};
  make({{"in", "other"},
        {{"w", {"in", "other"}, minute({"sum", "count"})}, {"r", {"w"}, rename}},
        {{"out", {"r"}}}});
  take(reading(1, 0));
  CHECK(give(reading(1, 30), {}, 1) == Pipeline::Verdict::taken);
  take(reading(1, 90), 0);
  CHECK(drained().empty());
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].reason == Reason::node_failed);
  CHECK(refused[0].node == "r");
  CHECK(refused[0].source == 0);
}

TEST_CASE_FIXTURE(WindowFixture, "windows of windows are given in one go") {
  TimeWindow hour{.every = Duration::seconds(3'600), .of = {"t_max"}, .give = {"max"}};
  make({{"in"}, {{"h", {"m"}, hour}, {"m", {"in"}, minute({"max"})}}, {{"out", {"h"}}}});
  take(reading(3, 10));
  take(reading(5, 3'500));
  take(reading(1, 3'660));
  take(reading(1, 3'720));
  CHECK(drained() == Lines{"0: 5"});
}

TEST_CASE_FIXTURE(WindowFixture, "a group without room gets what fits, the rest is for the next") {
  make(NodeKind(minute()));
  for (int i = 0; i < 5; ++i) take(reading(i, i * 60));
  const Record filler = reading(0);
  group.records[1].assign(limits::kGroupRecordsFull - 3, filler);
  CHECK_FALSE(pipeline->drain({}, group, refused));
  CHECK(group.records[0].size() == 3);
  group.reset();
  CHECK(drained() == Lines{"180: 3"});
}

TEST_CASE_FIXTURE(WindowFixture, "numbers of every kind, and what is none") {
  make(NodeKind(minute({"sum", "min", "max", "first", "last", "stddev"})));
  const auto of = [&](std::vector<Value> values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      take(record("s", {{"t", values[i]}}, at(static_cast<std::int64_t>(i))));
    }
    take(record("s", {{"t", Value()}}, at(60)));
    const Lines lines = drained();
    make(NodeKind(minute({"sum", "min", "max", "first", "last", "stddev"})));
    return lines.size() == 1 ? lines[0] : "?";
  };
  CHECK(of({Value::null(), Value::text("5"), Value::float64(NAN)}) == "0: - - - - - -");
  CHECK(of({Value::boolean(true), Value::boolean(false)}) == "0: 1 0 1 true false 0.707107");
  CHECK(of({Value::int64(INT64_MAX), Value::int64(-1), Value::int64(1)}) ==
        "0: 9223372036854775807 -1 9223372036854775807 9223372036854775807 1 5.32512e+18");
  CHECK(of({Value::int64(INT64_MAX), Value::int64(1)}) ==
        "0: 9.22337e+18 1 9223372036854775807 9223372036854775807 1 6.52191e+18");
  CHECK(of({Value::float64(1e16), Value::float64(1), Value::float64(-1e16)}) ==
        "0: 1 -1e+16 1e+16 1e+16 -1e+16 1e+16");
  CHECK(of({Value::float64(INFINITY), Value::int64(1)}) == "0: inf 1 inf inf 1 -");
  CHECK(of({Value::float64(INFINITY), Value::float64(-INFINITY)}) == "0: nan -inf inf inf -inf -");
}

TEST_CASE_FIXTURE(WindowFixture,
                  "a record that is dated far ahead is refused, and silences no key") {
  TimeWindow w = minute({"count"});
  w.of = {};
  w.lateness = Duration::seconds(60);
  make(NodeKind(w));
  constexpr std::int64_t kTurn = 1'800'000'000, kBound = 86'400 + 60;
  const auto verdict = [&](Stamp time, std::uint64_t boot = 0) {
    const auto outcome = pipeline->process(0, record("s", {{"t", Value::int64(1)}}, time),
                                           {{}, at(kTurn, boot)}, group);
    reason = outcome.reason;
    return outcome.verdict;
  };
  CHECK(verdict(at(kTurn)) == Pipeline::Verdict::taken);
  CHECK(verdict(at(kTurn + kBound + 1)) == Pipeline::Verdict::refused);
  CHECK(reason == Reason::bad_time);
  CHECK(verdict(at(kTurn + 1)) == Pipeline::Verdict::taken);
  CHECK(pipeline->late() == 0);
  CHECK(verdict(at(kTurn + kBound)) == Pipeline::Verdict::taken);
  CHECK(drained() == Lines{std::to_string(kTurn) + ": 2"});
  // Times that cannot be compared.
  CHECK(verdict(at(kTurn + 2 * kBound, 7)) == Pipeline::Verdict::taken);
  CHECK(verdict(at(kTurn + 2 * kBound), 7) == Pipeline::Verdict::taken);
}

TEST_CASE_FIXTURE(WindowFixture,
                  "by arrival, a clock set back far closes what is open, over restarts") {
  TimeWindow w = minute({"count"});
  w.of = {};
  w.by_arrival = true;
  make(NodeKind(w));
  std::vector<StateEdit> states;
  const auto arrives = [&](std::int64_t second) {
    CHECK(pipeline->process(0, reading(1, 5), {{}, at(second)}, group).verdict ==
          Pipeline::Verdict::taken);
  };
  constexpr std::int64_t kYear = 31'536'000;
  arrives(kYear);
  arrives(60);
  SUBCASE("at once") {}
  SUBCASE("after a restart") {
    states = saved();
    REQUIRE(states.size() == 4);
    make(NodeKind(w));
    pipeline->restore(states);
    CHECK(saved().empty());
  }
  CHECK(drained() == Lines{"31536000: 1"});
  arrives(120);
  CHECK(drained() == Lines{"60: 1"});
  arrives(180);
  CHECK(drained() == Lines{"120: 1"});
  CHECK(pipeline->snapshot().size() == 2);
  CHECK(pipeline->late() == 0);
}

TEST_CASE_FIXTURE(WindowFixture, "in steady state nothing is taken from the heap") {
  if (!kit::kHeapIsCounted) return;
  TimeWindow w = minute({"mean", "max", "stddev", "last", "p50", "distinct", "time_mean", "count"});
  w.length = Duration::seconds(180);
  w.keys = {"k"};
  make(NodeKind(w));
  const auto round = [&](std::int64_t begin) {
    for (std::int64_t second = begin; second < begin + 600; second += 7) {
      for (const char* k : {"a", "b", "c"}) {
        arena.reset();
        const Record r =
            record("s", {{"t", Value::int64(second % 100)}, {"k", Value::text(k)}}, at(second));
        const std::uint64_t before = kit::heap_calls;
        refused.clear();
        const bool all_out = pipeline->drain({instant(second), {}}, group, refused);
        const auto verdict = pipeline->process(0, r, {instant(second), {}}, group).verdict;
        calls += kit::heap_calls - before;
        CHECK(all_out);
        CHECK(verdict == Pipeline::Verdict::taken);
        if (group.record_count() > 50) group.reset();
      }
    }
    (void)saved();
    group.reset();
  };
  round(0);
  round(600);
  calls = 0;
  round(1'200);
  CHECK(calls == 0);
}

TEST_CASE_FIXTURE(WindowFixture, "windows that make no sense are refused") {
  CHECK(accepted(minute()));
  TimeWindow w = minute();
  SUBCASE("no time") { w.every = {}; }
  SUBCASE("both times") { w.gap = Duration::seconds(1); }
  SUBCASE("no multiple") { w.length = Duration::seconds(90); }
  SUBCASE("too many panes") { w.length = Duration::seconds(60 * 64); }
  SUBCASE("too late") { w.lateness = Duration::seconds(60 * 63); }
  SUBCASE("no such statistic") { w.give = {"median"}; }
  SUBCASE("no such percentile") { w.give = {"p0"}; }
  SUBCASE("nothing to give") { w.give = {}; }
  SUBCASE("no field") { w.of = {}; }
  SUBCASE("twice") { w.of = {"t", "t"}; }
  SUBCASE("no keys") { w.keys_max = 0; }
  SUBCASE("too many bytes in a commit") { w.keys_max = 65'536; }
  SUBCASE("too many bytes") {
    w.length = Duration::seconds(60 * 60);
    w.keys_max = 2'000;
  }
  CHECK_FALSE(accepted(w));
}

}  // namespace
}  // namespace pinaflux
