#include <algorithm>

#include <doctest/doctest.h>

#include "agent/pipeline/window.h"
#include "tests/agent/pipeline/window_kit.h"
#include "tests/kit/heap_calls.h"

namespace pinaflux {
namespace {

// Of a minute, "begin: sum count revision", for ten minutes more.
TimeWindow amended() {
  TimeWindow w{.every = Duration::seconds(60),
               .of = {"t"},
               .give = {"sum", "count"},
               .amend_for = Duration::seconds(600),
               .keys_max = 100};
  return w;
}

struct AmendFixture : WindowFixture {
  // From what it has in the spool.
  void restart(const TimeWindow& w) {
    make_again(w);
    CHECK(saved().empty());
  }
  // A 1 of the key `k`.
  void of(const char* k, std::int64_t second) {
    take(record("s", {{"t", Value::int64(1)}, {"k", Value::text(k)}}, at(second)));
  }
};

TEST_CASE_FIXTURE(AmendFixture, "a late record has its window given again, as a revision") {
  make(NodeKind(amended()));
  take(reading(1, 10));
  take(reading(2, 70));
  CHECK(drained() == Lines{"0: 1 1 0"});
  take(reading(4, 20));
  CHECK(drained() == Lines{"0: 5 2 1"});
  take(reading(8, 30));
  take(reading(16, 40));
  CHECK(drained() == Lines{"0: 29 4 2"});  // What came together is one revision.
  take(reading(1, 130));
  CHECK(drained() == Lines{"60: 2 1 0"});
  take(reading(32, 80));
  CHECK(drained() == Lines{"60: 34 2 3"});  // Numbers are of the key.
  CHECK(pipeline->late() == 0);
  CHECK(pipeline->revisions() == 3);
}

TEST_CASE_FIXTURE(AmendFixture, "a window in which nothing was has a first record that is late") {
  make(NodeKind(amended()));
  for (const std::int64_t second : {10, 310, 370}) take(reading(1, second));
  CHECK(drained() == Lines{"0: 1 1 0", "300: 1 1 0"});
  take(reading(1, 130));
  CHECK(drained() == Lines{"120: 1 1 1"});
}

TEST_CASE_FIXTURE(AmendFixture, "beyond that time it is late as before") {
  TimeWindow w = amended();
  SUBCASE("drop") {
    make(NodeKind(w));
    for (const std::int64_t second : {10, 659}) take(reading(1, second));
    CHECK(drained() == Lines{"0: 1 1 0"});
    take(reading(1, 11));
    CHECK(drained() == Lines{"0: 2 2 1"});
    take(reading(1, 660));
    CHECK(drained() == Lines{"600: 1 1 0"});
    take(reading(1, 12));
    CHECK(drained().empty());
    CHECK(pipeline->late() == 1);
    take(reading(1, 61));
    CHECK(drained() == Lines{"60: 1 1 2"});
  }
  SUBCASE("pass") {
    w.pass_late = true;
    make({{"in"}, {{"n", {"in"}, w}}, {{"out", {"n"}}, {"late", {"n.late"}}}});
    for (const std::int64_t second : {10, 660, 20}) take(reading(1, second));
    CHECK(group.records[1].size() == 1);
    CHECK(pipeline->late() == 0);
  }
}

TEST_CASE_FIXTURE(AmendFixture, "what is kept goes when it can be amended no more") {
  make(NodeKind(amended()));
  for (std::int64_t second = 0; second < 36'000; second += 60) {
    arena.reset();
    take(reading(1, second));
    (void)drained();
    CHECK(pipeline->snapshot().size() <= 14);
    (void)saved();
  }
  CHECK(pipeline->snapshot().size() == 12);  // The key, ten panes and the open one.
}

TEST_CASE_FIXTURE(AmendFixture, "and when nothing comes any more") {
  make(NodeKind(amended()));
  take(reading(1, 10), 1'000);
  CHECK(drained(1'049).empty());
  CHECK(drained(1'050) == Lines{"0: 1 1 0"});
  CHECK(pipeline->snapshot().size() == 2);
  CHECK(drained(1'649).empty());
  CHECK(pipeline->snapshot().size() == 2);
  CHECK(drained(1'650).empty());
  CHECK(pipeline->snapshot().size() == 1);
  take(reading(1, 20), 1'660);
  CHECK(pipeline->late() == 1);
}

TEST_CASE_FIXTURE(AmendFixture, "a sliding window is given again once for all that it got") {
  TimeWindow w = amended();
  w.length = Duration::seconds(180);
  make(NodeKind(w));
  for (const std::int64_t second : {0, 60, 130, 250}) take(reading(1, second));
  CHECK(drained() == Lines{"-120: 1 1 0", "-60: 2 2 0", "0: 3 3 0", "60: 2 2 0"});
  take(reading(2, 70));
  take(reading(4, 1));
  CHECK(drained() == Lines{"-120: 5 2 1", "-60: 8 4 2", "0: 9 5 3", "60: 4 3 4"});
  // One that is open has it without more ado.
  take(reading(8, 190));
  CHECK(drained() == Lines{"60: 12 4 5"});
  take(reading(1, 310));
  CHECK(drained() == Lines{"120: 10 3 0"});
}

TEST_CASE_FIXTURE(AmendFixture, "a crash neither repeats a revision nor leaves one out") {
  TimeWindow w = amended();
  w.length = Duration::seconds(180);
  make(NodeKind(w));
  for (const std::int64_t second : {0, 60, 130, 250}) take(reading(1, second));
  (void)drained();
  (void)saved();
  take(reading(2, 70));
  (void)saved();
  restart(w);
  // A group with room for one of three.
  const std::size_t full = group.arena.bytes_max() * 3 / 4;
  group.arena.allocate(full - 8 - group.arena.bytes_used());
  std::vector<Pipeline::Refused> none;
  CHECK_FALSE(pipeline->drain({}, group, none));
  REQUIRE(group.records[0].size() == 1);
  CHECK(group.records[0][0].time() == at(-60));
  (void)saved();
  group.reset();
  restart(w);
  CHECK(drained() == Lines{"0: 5 4 2", "60: 4 3 3"});
  restart(w);
  CHECK(drained().empty());
}

TEST_CASE_FIXTURE(AmendFixture, "more or less amending keeps what is open") {
  make(NodeKind(amended()));
  for (const std::int64_t second : {10, 70}) take(reading(1, second));
  CHECK(drained() == Lines{"0: 1 1 0"});
  TimeWindow w = amended();
  SUBCASE("less") {
    w.amend_for = Duration::seconds(60);
    restart(w);
    take(reading(1, 20));
    CHECK(drained() == Lines{"0: 2 2 1"});
  }
  SUBCASE("none") {
    w.amend_for = {};
    make_again(w);
    CHECK(saved().size() == 1);  // What was kept is erased.
    CHECK(pipeline->late() == 0);
    take(reading(1, 20));
    CHECK(pipeline->late() == 1);
    take(reading(1, 120));
    CHECK(drained() == Lines{"60: 1 1"});
    make_again(amended());
    take(reading(1, 180));
    CHECK(drained() == Lines{"120: 1 1 0"});
  }
}

TEST_CASE_FIXTURE(AmendFixture, "of too many keys the least recent forgets what it kept") {
  TimeWindow w = amended();
  w.keys = {"k"};
  w.keys_max = 2;
  make(NodeKind(w));
  for (const char* k : {"a", "b"}) of(k, 10), of(k, 70);
  CHECK(drained() == Lines{"0: a 1 1 0", "0: b 1 1 0"});
  of("c", 10);
  CHECK(drained() == Lines{"60: a 1 1 0"});
  CHECK(pipeline->snapshot().size() == 2 + 3);
  of("a", 20);  // Begins anew, and b gives way.
  CHECK(drained() == Lines{"60: b 1 1 0"});
}

TEST_CASE_FIXTURE(AmendFixture, "a key that comes back before it gave way has lost nothing") {
  TimeWindow w = amended();
  w.keys = {"k"};
  w.keys_max = 1;
  make(NodeKind(w));
  of("a", 10), of("a", 70);
  of("b", 10);
  of("a", 20);  // Before it gave anything.
  const Lines lines = drained();
  CHECK(std::ranges::count(lines, "0: a 2 2 0") == 1);
  CHECK(std::ranges::count(lines, "0: b 1 1 0") == 1);
}

TEST_CASE_FIXTURE(AmendFixture, "records that come together find the others of their window") {
  const Script apart{.text =
                         "if record.t < 9 then return record end\n"
                         "return {t = 1, _time = 5000000000000}, {t = 1, _time = 20000000000}",
                     .records_max = 2};
  make({{"in"}, {{"s", {"in"}, apart}, {"n", {"s"}, amended()}}, {{"out", {"n"}}}});
  for (const std::int64_t second : {10, 70}) take(reading(1, second));
  CHECK(drained() == Lines{"0: 1 1 0"});
  take(reading(9, 80));
  CHECK(drained() == Lines{"0: 2 2 1", "60: 1 1 0"});
}

TEST_CASE_FIXTURE(AmendFixture, "in steady state late records take nothing from the heap") {
  TimeWindow w = amended();
  w.length = Duration::seconds(180);
  make(NodeKind(w));
  for (std::int64_t second = 0; second < 12'000; second += 20) {
    arena.reset();
    const Record on_time = reading(1, second), late = reading(1, second - 300);
    const std::uint64_t before = kit::heap_calls;
    refused.clear();
    (void)pipeline->drain({instant(second), {}}, group, refused);
    (void)pipeline->process(0, on_time, {instant(second), {}}, group);
    (void)pipeline->process(0, late, {instant(second), {}}, group);
    if (second >= 6'000) calls += kit::heap_calls - before;
    if (group.record_count() > 50) {
      (void)saved();
      group.reset();
    }
  }
  CHECK(calls == 0);
}

TEST_CASE_FIXTURE(AmendFixture, "what cannot be given again is refused") {
  CHECK(accepted(amended()));
  TimeWindow w = amended();
  SUBCASE("a session") {
    w.every = {};
    w.gap = Duration::seconds(10);
  }
  SUBCASE("by arrival") { w.by_arrival = true; }
  SUBCASE("a mean over time") { w.give = {"time_mean"}; }
  SUBCASE("for more than 64 panes") { w.amend_for = Duration::seconds(3'900); }
  SUBCASE("beside a field of that name") { w.keys = {"revision"}; }
  SUBCASE("for less than no time") { w.amend_for = {-1}; }
  CHECK_FALSE(accepted(w));
}

}  // namespace
}  // namespace pinaflux
