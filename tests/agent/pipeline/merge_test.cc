#include "agent/pipeline/merge.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "agent/pipeline/key_limits.h"
#include "platform/base/random.h"
#include "tests/agent/pipeline/window_kit.h"

namespace pinaflux {
namespace {

struct MergeFixture : WindowFixture {
  static Merge options() {
    return {.streams = {"plant/temp", "plant/press"},
            .every = Duration::seconds(10),
            .wait = Duration::seconds(5),
            .stream = "plant/both",
            .keys = {"k"},
            .keys_max = 100};
  }
  void merge(Merge o = options()) { make(NodeKind(std::move(o))); }
  Record of(std::string_view stream, int value, std::int64_t second, int k = 1,
            std::uint64_t boot = 0) {
    return record(stream, {{"k", Value::int64(k)}, {"v", Value::int64(value)}}, at(second, boot));
  }
  Record temp(int value, std::int64_t second, int k = 1) {
    return of("plant/temp", value, second, k);
  }
  Record press(int value, std::int64_t second, int k = 1) {
    return of("plant/press", value, second, k);
  }
};

TEST_CASE_FIXTURE(MergeFixture, "what is complete is one record, of the newest time, at once") {
  merge();
  take(temp(1, 12));
  CHECK(drained().empty());
  take(press(2, 15));
  CHECK(pipeline->drain({instant(0), {}}, group, refused));
  REQUIRE(group.records[0].size() == 1);
  const Record& both = group.records[0][0];
  CHECK(both.shape().stream() == "plant/both");
  CHECK(std::ranges::equal(both.shape().fields(), Lines{"k", "temp.v", "press.v"}));
  CHECK(drained() == Lines{"15: 1 1 2"});
  take(press(4, 29));
  take(temp(3, 21));
  CHECK(drained() == Lines{"29: 1 3 4"});
  CHECK(pipeline->late() == 0);
}

TEST_CASE_FIXTURE(MergeFixture, "what is missing when its end and `wait` are over is left out") {
  merge();
  take(temp(1, 12));
  take(temp(2, 24));
  CHECK(drained().empty());
  take(temp(3, 25));
  CHECK(drained() == Lines{"12: 1 1"});
  CHECK(pipeline->late() == 0);
  take(press(9, 19));
  CHECK(pipeline->late() == 1);
  take(press(4, 20));
  CHECK(drained() == Lines{"25: 1 3 4"});
}

TEST_CASE_FIXTURE(MergeFixture, "silence counts as time that goes on") {
  merge();
  take(temp(1, 12), 100);
  CHECK(pipeline->next() == instant(113));
  CHECK(drained(112).empty());
  CHECK(drained(113) == Lines{"12: 1 1"});
  CHECK(pipeline->next() == Instant::never());
  take(press(9, 19), 114);
  CHECK(pipeline->late() == 1);
}

TEST_CASE_FIXTURE(MergeFixture, "while sources are held back, silence does not count") {
  merge();
  take(temp(1, 12), 100);
  pipeline->hold(true, instant(101));
  CHECK(drained(500).empty());
  pipeline->hold(false, instant(500));
  CHECK(drained(512).empty());
  CHECK(drained(513) == Lines{"12: 1 1"});
}

TEST_CASE_FIXTURE(MergeFixture,
                  "of two records of a stream the newer stays; at one time the last") {
  merge();
  take(temp(1, 12));
  take(temp(2, 11));
  take(temp(3, 13));
  take(temp(4, 13));
  take(press(9, 10));
  CHECK(drained() == Lines{"13: 1 4 9"});
  take(temp(5, 19));  // Given already.
  CHECK(pipeline->late() == 1);
  CHECK(drained(1'000).empty());
}

TEST_CASE_FIXTURE(MergeFixture, "intervals that are complete overtake those that wait") {
  merge();
  take(temp(1, 5));
  take(temp(2, 12));
  take(press(3, 12));
  CHECK(drained() == Lines{"12: 1 2 3"});
  take(temp(9, 11));
  CHECK(pipeline->late() == 1);
  take(press(4, 9));
  CHECK(drained() == Lines{"9: 1 1 4"});
  take(press(9, 8));
  take(press(9, 18));
  CHECK(pipeline->late() == 3);
  CHECK(drained(1'000).empty());
}

TEST_CASE_FIXTURE(MergeFixture, "each key and each boot is by itself, and other streams pass") {
  merge();
  take(temp(1, 12, 1));
  take(press(2, 12, 2));
  take(of("plant/temp", 3, 12, 1, 7));
  take(of("other", 4, 12));
  take(record("other", {{"x", Value::text("y")}}, {INT64_MAX, 0}));
  CHECK(drained().size() == 2);
  take(press(5, 13, 1));
  take(of("plant/press", 6, 12, 1, 7));
  CHECK(drained() == Lines{"13: 1 1 5", "12#7: 1 3 6"});
  CHECK(drained(13) == Lines{"12: 2 2"});
}

TEST_CASE_FIXTURE(MergeFixture, "without `by` all records have one key; a key may be missing") {
  Merge o = options();
  o.keys = {};
  merge(o);
  take(temp(1, 12, 1));
  take(press(2, 12, 2));
  CHECK(drained() == Lines{"12: 1 1 2 2"});  // temp.k, temp.v, press.k, press.v
  merge();
  take(record("plant/temp", {{"v", Value::int64(1)}}, at(2)));
  take(record("plant/press", {{"v", Value::int64(2)}}, at(2)));
  CHECK(drained() == Lines{"2: - 1 2"});
}

TEST_CASE_FIXTURE(MergeFixture, "5 and 5.0 are one key") {
  merge();
  take(record("plant/temp", {{"k", Value::float64(5)}, {"v", Value::int64(1)}}, at(2)));
  take(record("plant/press", {{"k", Value::int64(5)}, {"v", Value::int64(2)}}, at(2)));
  CHECK(drained() == Lines{"2: 5 1 2"});
}

TEST_CASE_FIXTURE(MergeFixture, "a crash loses nothing, and repeats nothing") {
  merge();
  take(temp(1, 5));
  take(temp(2, 12));
  take(press(3, 12));
  const auto states = saved();
  REQUIRE(states.size() == 2);  // The key, and one that waits.
  merge();
  pipeline->restore(states);
  CHECK(drained(50) == Lines{"12: 1 2 3"});
  const auto edits = saved();
  REQUIRE(edits.size() == 1);
  CHECK((edits[0].key == states[1].key && edits[0].value.empty()));
  take(press(9, 15));
  CHECK(pipeline->late() == 1);
  take(press(4, 6));
  CHECK(drained(50) == Lines{"6: 1 1 4"});

  merge();  // Silence counts from the restart.
  pipeline->restore({states[0]});
  CHECK(drained(50).empty());
  CHECK(drained(52).empty());
  CHECK(drained(53) == Lines{"5: 1 1"});
}

TEST_CASE_FIXTURE(MergeFixture, "a record that is refused elsewhere leaves no trace") {
  make({{"in"},
        {{"n", {"in"}, options()}, {"r", {"in"}, Rename{.fields = {{"k", "v"}}}}},
        {{"out", {"n", "r"}}}});
  CHECK(give(temp(1, 1)) == Pipeline::Verdict::refused);
  CHECK(saved().empty());
  CHECK(drained(5'000).empty());
}

TEST_CASE_FIXTURE(MergeFixture, "a key that is forgotten gives what it holds") {
  Merge o = options();
  o.keys_max = 1;
  merge(o);
  take(temp(1, 12, 1));
  take(temp(2, 23, 1));
  take(temp(3, 12, 2));
  CHECK(drained() == Lines{"12: 1 1", "23: 1 2"});
  o.keys_max = 2;
  merge(o);
  take(temp(1, 12, 1));
  take(temp(2, 12, 2));
  const auto states = saved();
  o.keys_max = 1;
  merge(o);
  pipeline->restore(states);
  CHECK(drained(1).size() == 1);
  CHECK(drained(100).size() == 1);
}

TEST_CASE_FIXTURE(MergeFixture, "what does not fit makes the earliest be given early") {
  Merge o = options();
  o.keys_max = kMergeKeysMax;
  o.wait = Duration::seconds(10'000);
  merge(o);
  for (int i = 0; i < 100; ++i) take(temp(i, i * 10));
  const Lines early = drained();
  CHECK((early.size() > 50 && early.size() < 95 && early[0] == "0: 1 0"));
  for (const StateEdit& edit : saved()) CHECK(edit.value.size() <= 1'024 + 64 + 30);
  take(press(1, 0));
  CHECK(pipeline->late() == 1);
  take(press(7, 995));
  CHECK(drained() == Lines{"995: 1 99 7"});
  // One that is larger than all that may be held.
  const std::string large(3'000, 'x');
  take(record("plant/temp", {{"k", Value::int64(2)}, {"v", Value::text(large)}}, at(5)));
  CHECK(drained().size() == 1);
}

TEST_CASE_FIXTURE(MergeFixture, "what cannot be one record is given as it came") {
  Merge o = options();
  o.streams = {"a/x", "b/x.y"};
  merge(o);
  take(record("a/x", {{"y.z", Value::int64(1)}}, at(1)));
  take(record("b/x.y", {{"z", Value::int64(2)}}, at(2)));
  CHECK(drained() == Lines{"1: 1", "2: 2"});
  merge();  // Too many lists of fields.
  std::size_t merged = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string name = "f" + std::to_string(i);
    take(record("plant/temp", {{"k", Value::int64(i)}, {name, Value::int64(1)}}, at(i * 10)));
    take(record("plant/press", {{"k", Value::int64(i)}, {"v", Value::int64(2)}}, at(i * 10)));
    merged += drained().size() == 1;
  }
  CHECK(merged == MergeStep::kShapesMax);
}

TEST_CASE_FIXTURE(MergeFixture, "times that would make all others late are refused") {
  merge();
  CHECK(give(temp(1, 86'406)) == Pipeline::Verdict::refused);
  CHECK(reason == Reason::bad_time);
  take(temp(1, 86'405));
  CHECK(give(record("plant/temp", {{"v", Value::int64(1)}}, {INT64_MIN, 3})) ==
        Pipeline::Verdict::refused);
  CHECK(reason == Reason::bad_time);
  take(of("plant/temp", 1, 8'900'000'000, 1, 3));
  take(of("plant/temp", 1, -8'900'000'000, 1, 4));
}

TEST_CASE_FIXTURE(MergeFixture, "with other options what was held is given as it came") {
  merge();
  take(temp(1, 12));
  take(press(2, 24));
  const auto states = saved();
  Merge o = options();
  o.every = Duration::seconds(5);
  merge(o);
  pipeline->restore(states);
  CHECK(drained() == Lines{"12: 1 1", "24: 1 2"});
  const auto edits = saved();
  REQUIRE(std::ranges::contains(edits, states[0].key, &StateEdit::key));
  o = options();
  o.wait = Duration::seconds(500);
  o.stream = "else";
  merge(o);
  pipeline->restore(states);
  take(temp(3, 25));
  CHECK(drained() == Lines{"25: 1 3 2"});
}

TEST_CASE_FIXTURE(MergeFixture, "a state that is damaged is as good as none") {
  merge();
  take(temp(1, 5));
  take(temp(2, 12));
  take(press(3, 12));
  take(press(3, 32));
  take(press(3, 22));
  const auto states = saved();
  REQUIRE(states.size() == 3);
  for (const StateEdit& edit : states) {
    for (std::size_t size = 0; size < edit.value.size(); ++size) {
      merge();
      StateEdit cut = edit;
      cut.value.resize(size);
      pipeline->restore({cut});
      drained(1);
    }
    for (std::size_t i = 0; i < edit.value.size(); ++i) {
      for (const int flip : {0x5a, 0x80, 0x01}) {
        merge();
        StateEdit bent = edit;
        bent.value[i] ^= static_cast<std::uint8_t>(flip);
        pipeline->restore({bent});
        drained(1);
        take(temp(1, 12));
        take(press(1, 13));
        drained(50'000);
        saved();
      }
    }
  }
}

TEST_CASE_FIXTURE(MergeFixture, "the stored state has its golden bytes") {
  merge();
  take(temp(1, 5));
  take(temp(2, 12));
  take(press(3, 12));
  const auto states = saved();
  REQUIRE(states.size() == 2);
  CHECK(states[1].key == "pipeline/n/q0000000000000001");
  CHECK(
      hex(states[0].value) ==
      "01d88e8f7307657d4012040000000000000000030100000000000000072d010000250000f2052a01000000000000"
      "00000000000a706c616e742f74656d7002016b03020176030202ff0100007841cb020000000000000000000000");
  CHECK(hex(states[1].value) ==
        "02010000000000000000007841cb0200000000000000000000000a706c616e742f626f746803016b0302067465"
        "6d702e7603040770726573732e760306");
}

TEST_CASE_FIXTURE(MergeFixture, "options that make no sense are refused") {
  const auto bad = [&](Merge o) {
    return !Pipeline::make({{"in"}, {{"n", {"in"}, o}}, {{"out", {"n"}}}}, shapes);
  };
  CHECK_FALSE(bad(options()));
  const auto with = [&](auto change) {
    Merge o = options();
    change(o);
    return bad(o);
  };
  CHECK(with([](Merge& o) { o.streams.pop_back(); }));
  CHECK(with([](Merge& o) { o.streams.push_back("other/temp"); }));
  CHECK(with([](Merge& o) { o.streams.push_back("other/"); }));
  CHECK(with([](Merge& o) { o.stream.clear(); }));
  CHECK(with([](Merge& o) { o.every = {}; }));
  CHECK(with([](Merge& o) { o.wait = Duration{-1}; }));
  CHECK(with([](Merge& o) { o.keys_max = 0; }));
  CHECK(with([](Merge& o) { o.keys_max = kMergeKeysMax + 1; }));
}

}  // namespace
}  // namespace pinaflux
