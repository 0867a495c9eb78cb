#include "agent/pipeline/swing.h"

#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include "tests/agent/pipeline/window_kit.h"

namespace pinaflux {
namespace {

struct SwingFixture : WindowFixture {
  static Deadband door(double swing) {
    return {.field = "t",
            .swing = swing,
            .silence_max = Duration::seconds(1'000),
            .keys = {},
            .keys_max = kSwingKeysMax};
  }
  void swing(Deadband options) { make(NodeKind(std::move(options))); }
  void series(std::initializer_list<double> values, std::int64_t from = 0) {
    for (const double value : values) take(reading(value, from++));
  }
  Record of(std::string_view stream, Value value, std::int64_t second, std::uint64_t boot = 0) {
    return record(stream, {{"t", value}}, at(second, boot));
  }
};

TEST_CASE_FIXTURE(SwingFixture, "a line needs its two ends only") {
  swing(door(0.5));
  series({0, 1, 2, 3, 4, 5, 0});
  CHECK(drained() == Lines{"0: 0", "5: 5"});
  series({-5, -10, 50}, 7);
  CHECK(drained() == Lines{"8: -10"});
}

TEST_CASE_FIXTURE(SwingFixture, "the slope may wander as far as all points between allow") {
  swing(door(1));
  // The point at 2 seconds allows 1.5 a second, and the line to the last one rises by 1.475.
  series({0, 1, 2, 4, 5.9});
  CHECK(drained() == Lines{"0: 0"});
  series({20}, 5);
  CHECK(drained() == Lines{"4: 5.9"});
}

TEST_CASE_FIXTURE(SwingFixture, "what is held back is given when its time is over") {
  swing(door(1));
  take(reading(5, 0), 100);
  take(reading(5, 10), 110);
  CHECK(pipeline->next() == instant(1'110));
  CHECK(drained(1'109) == Lines{"0: 5"});
  take(reading(5, 20), 120);  // The first that was held counts.
  CHECK(drained(1'109).empty());
  CHECK(drained(1'110) == Lines{"20: 5"});
  CHECK(drained(9'999).empty());
  CHECK(pipeline->next() == Instant::never());
}

TEST_CASE_FIXTURE(SwingFixture, "a record is kept at least as often as silence may last") {
  swing(door(1));
  for (std::int64_t second = 0; second <= 2'500; second += 100) take(reading(7, second));
  CHECK(drained() == Lines{"0: 7", "900: 7", "1800: 7"});
  take(reading(7, 9'000));
  CHECK(drained() == Lines{"2500: 7", "9000: 7"});
}

TEST_CASE_FIXTURE(SwingFixture, "no line leads over what is no number, or back in time") {
  swing(door(10));
  take(of("s", Value::int64(1), 0));
  take(of("s", Value::int64(2), 1));
  take(of("s", Value::text("off"), 2));
  take(of("s", Value::int64(3), 3));
  take(of("s", Value::float64(NAN), 4));
  take(of("s", Value::float64(INFINITY), 5));
  take(of("s", Value::null(), 6));
  CHECK(drained() == Lines{"0: 1", "1: 2", "2: off", "3: 3", "4: nan", "5: inf", "6: null"});
  take(of("s", Value::int64(4), 7));
  take(of("s", Value::int64(4), 8));
  take(of("s", Value::int64(4), 8));
  take(of("s", Value::int64(4), 7));
  CHECK(drained() == Lines{"7: 4", "8: 4", "8: 4", "7: 4"});
  take(of("s", Value::int64(4), 9, 5));
  take(of("s", Value::int64(4), 10, 5));
  take(of("s", Value::int64(4), 11, 6));
  CHECK(drained() == Lines{"9#5: 4", "10#5: 4", "11#6: 4"});
}

// By their times, the rows at 4 to 8 are between those that were given before and behind them.
TEST_CASE_FIXTURE(SwingFixture, "a latecomer is given, and no line leads from it") {
  swing(door(1));
  series({0, 0, 5'000, 5'000});
  take(reading(4'990, -50));
  series({4'990, 4'990, 4'990, 4'990, 4'990, 99}, 4);
  CHECK(drained() ==
        Lines{"0: 0", "1: 0", "2: 5000", "3: 5000", "-50: 4990", "4: 4990", "8: 4990"});
  take(of("s", Value::text("off"), 5));
  take(reading(99, 6));
  take(reading(99, 10));
  take(reading(99, 11));
  CHECK(drained() == Lines{"9: 99", "5: off", "6: 99", "10: 99"});
}

TEST_CASE_FIXTURE(SwingFixture, "which record was the newest is known after a crash") {
  swing(door(1));
  series({0, 0, 0, 0});
  take(reading(0, 2));
  drained();
  const auto states = saved();
  swing(door(1));
  pipeline->restore(states);
  take(reading(9, 1));
  take(reading(9, 2));
  series({9, 9, 9}, 4);
  CHECK(drained() == Lines{"1: 9", "2: 9", "4: 9"});
}

TEST_CASE_FIXTURE(SwingFixture, "a line goes back where the clock was set back") {
  swing(door(1));
  turn = at(100'000);
  series({0, 0}, 100'000);
  turn = at(1'000);
  series({0, 0, 0}, 1'000);
  CHECK(drained() == Lines{"100000: 0", "100001: 0", "1000: 0"});
  turn = at(200'000);
  series({0, 0, 0}, 100);
  CHECK(drained() == Lines{"1002: 0", "100: 0", "101: 0", "102: 0"});
}

TEST_CASE_FIXTURE(SwingFixture, "what is replayed of a boot that is over is no point of the line") {
  swing(door(1));
  turn = at(10, 7);
  take(of("s", Value::int64(1), 10, 7));
  take(of("s", Value::int64(1), 90, 6));
  take(of("s", Value::int64(1), 11, 7));
  take(of("s", Value::int64(1), 12, 7));
  take(of("s", Value::int64(1), 13, 7));
  CHECK(drained() == Lines{"10#7: 1", "90#6: 1", "11#7: 1"});
}

TEST_CASE_FIXTURE(SwingFixture, "a slope that is not finite is no line") {
  swing(door(1));
  series({-1.7e308, 1.7e308, 1.7e308, 0, -1.7e308, 1.7e308});
  CHECK(drained() ==
        Lines{"0: -1.7e+308", "1: 1.7e+308", "2: 1.7e+308", "3: 0", "4: -1.7e+308", "5: 1.7e+308"});
}

TEST_CASE_FIXTURE(SwingFixture, "a record without the field is kept, in its place") {
  swing(door(10));
  series({1, 1});
  take(record("s", {{"u", Value::int64(9)}}, at(2)));
  series({1, 1}, 3);
  CHECK(drained() == Lines{"0: 1", "1: 1", "2: 9"});
  CHECK(drained(999).empty());
  CHECK(drained(1'000) == Lines{"4: 1"});
}

TEST_CASE_FIXTURE(SwingFixture, "times and values at the ends of their range do no harm") {
  swing(door(1));
  const double most = std::numeric_limits<double>::max();
  take(record("s", {{"t", Value::float64(-most)}}, {INT64_MIN, 0}));
  take(record("s", {{"t", Value::float64(most)}}, {INT64_MAX, 0}));
  CHECK(drained().size() == 2);
}

TEST_CASE_FIXTURE(SwingFixture, "each stream and each key has a door of its own") {
  Deadband options = door(0.5);
  options.keys = {"k"};
  swing(options);
  const auto keyed = [&](const char* stream, int k, double t, std::int64_t second) {
    take(record(stream, {{"k", Value::int64(k)}, {"t", Value::float64(t)}}, at(second)));
  };
  for (int i = 0; i < 5; ++i) {
    keyed("a", 1, i, i);
    keyed("a", 2, -i, i);
    keyed("b", 1, 3, i);
  }
  CHECK(drained() == Lines{"0: 1 0", "0: 2 0", "0: 1 3"});
}

TEST_CASE_FIXTURE(SwingFixture, "all that a record has comes back out") {
  swing(door(1));
  for (std::int64_t second = 0; second < 3; ++second) {
    take(record("plant/a",
                {{"t", Value::int64(5)},
                 {"gone", Value()},
                 {"nothing", Value::null()},
                 {"on", Value::boolean(true)},
                 {"least", Value::int64(INT64_MIN)},
                 {"most", Value::uint64(UINT64_MAX)},
                 {"nan", Value::float64(NAN)},
                 {"text", Value::text("a\0b")},
                 {"bytes", Value::bytes(as_bytes("\xff\x01"))}},
                at(second)));
  }
  CHECK(pipeline->drain({instant(0), {}}, group, refused));
  CHECK(group.records[0].size() == 1);
  CHECK(pipeline->drain({instant(9'000), {}}, group, refused));
  REQUIRE(group.records[0].size() == 2);
  const Record &first = group.records[0][0], &last = group.records[0][1];
  CHECK(&first.shape() == &last.shape());
  CHECK(first.shape().stream() == "plant/a");
  CHECK((first.time() == at(0) && last.time() == at(2)));
  CHECK(first.cells()[4].as_int64() == INT64_MIN);
  CHECK(first.cells()[5].as_uint64() == UINT64_MAX);
  for (std::size_t i = 0; i < 9; ++i) CHECK(identical(first.cells()[i], last.cells()[i]));
}

TEST_CASE_FIXTURE(SwingFixture, "what is held back survives a crash") {
  swing(door(0.5));
  series({0, 1, 2});
  CHECK(drained() == Lines{"0: 0"});
  const auto states = saved();
  REQUIRE(states.size() == 1);

  swing(door(0.5));
  pipeline->restore(states);
  CHECK(drained(10).empty());
  CHECK(drained(1'009).empty());
  CHECK(drained(1'010) == Lines{"2: 2"});

  swing(door(0.5));
  pipeline->restore(states);
  series({3, 9}, 3);
  CHECK(drained() == Lines{"3: 3"});
}

TEST_CASE_FIXTURE(SwingFixture, "what waits to be given survives a crash, and is given once") {
  swing(door(0.5));
  series({0, 1, 5, 2});
  const auto states = saved();
  REQUIRE(states.size() == 4);  // The door, and three that wait.
  CHECK(drained() == Lines{"0: 0", "1: 1", "2: 5"});
  const auto erased = saved();
  REQUIRE(erased.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(erased[i].key == states[i + 1].key);
    CHECK(erased[i].value.empty());
  }

  swing(door(0.5));
  pipeline->restore(states);
  CHECK(drained(1) == Lines{"0: 0", "1: 1", "2: 5"});
  CHECK(saved().size() == 3);
  series({9}, 4);
  CHECK(drained(1) == Lines{"3: 2"});
}

TEST_CASE_FIXTURE(SwingFixture, "a snapshot is the whole state") {
  swing(door(0.5));
  series({0, 1, 5, 2});
  const auto states = pipeline->snapshot();
  swing(door(0.5));
  pipeline->restore(states);
  series({9}, 4);
  CHECK(drained(1) == Lines{"0: 0", "1: 1", "2: 5", "3: 2"});
}

TEST_CASE_FIXTURE(SwingFixture, "a record that is refused elsewhere leaves no trace") {
  make({{"in"},
        {{"n", {"in"}, door(0.5)}, {"r", {"in"}, Rename{.fields = {{"u", "t"}}}}},
        {{"out", {"n", "r"}}}});
  const auto both = [&](double t) {
    return give(record("s", {{"t", Value::float64(t)}, {"u", Value::int64(1)}}, at(1)));
  };
  CHECK(both(1) == Pipeline::Verdict::refused);
  CHECK(saved().empty());
  CHECK(drained(5'000).empty());
}

TEST_CASE_FIXTURE(SwingFixture, "a key that is forgotten gives what it holds") {
  Deadband options = door(1);
  options.keys_max = 1;
  swing(options);
  take(of("a", Value::int64(1), 0));
  take(of("a", Value::int64(1), 1));
  take(of("b", Value::int64(2), 2));
  take(of("b", Value::int64(2), 3));
  CHECK(drained() == Lines{"0: 1", "1: 1", "2: 2"});
  options.keys_max = 2;
  swing(options);
  take(of("a", Value::int64(1), 0));
  take(of("a", Value::int64(1), 1));
  take(of("b", Value::int64(2), 2));
  take(of("b", Value::int64(2), 3));
  drained();
  const auto states = saved();
  options.keys_max = 1;
  swing(options);
  pipeline->restore(states);
  CHECK(drained(1).size() == 1);
  CHECK(drained(1'001).size() == 1);
}

TEST_CASE_FIXTURE(SwingFixture, "with other options what was held is given, and is there no more") {
  swing(door(0.5));
  series({0, 1, 2});
  drained();
  const auto states = saved();
  Deadband other = door(0.5);
  other.field = "u";
  swing(other);
  pipeline->restore(states);
  CHECK(drained() == Lines{"2: 2"});
  const auto edits = saved();
  REQUIRE(edits.size() == 1);
  CHECK((edits[0].key == states[0].key && edits[0].value.empty()));

  swing(door(3));  // Another width is no other series.
  pipeline->restore(states);
  series({3, 4}, 3);
  CHECK(drained().empty());
}

TEST_CASE_FIXTURE(SwingFixture, "what restored keys give up comes behind what waited then") {
  Deadband options = door(0.5);
  swing(options);
  series({0, 1, 5, 2});
  take(of("b", Value::int64(7), 0));
  const auto states = saved();
  const Lines order{"0: 0", "1: 1", "2: 5", "0: 7", "3: 2"};

  options.keys_max = 1;
  swing(options);
  pipeline->restore(states);
  CHECK(pipeline->snapshot().size() >= 5);
  Lines all = drained(1);
  if (all.size() < order.size()) all.push_back(drained(1'001).at(0));
  CHECK(all == order);

  Deadband other = door(0.5);
  other.field = "u";
  swing(other);
  pipeline->restore(states);
  const auto snapshot = pipeline->snapshot();
  CHECK(snapshot.size() == 5);
  CHECK(drained(1) == order);
  swing(other);
  pipeline->restore(snapshot);
  CHECK(drained(1) == order);
}

TEST_CASE_FIXTURE(SwingFixture, "what is not taken is erased, and gives no place up") {
  make(Deadband{.field = "t", .within = 1});
  take(of("s", Value::bytes(as_bytes("\1")), 0));
  drained();
  const auto plain = saved();
  REQUIRE(plain.size() == 1);
  swing(door(1));
  pipeline->restore(plain);
  CHECK(drained(1).empty());
  const auto erased = saved();
  REQUIRE(erased.size() == 1);
  CHECK((erased[0].key == plain[0].key && erased[0].value.empty()));

  swing(door(0.5));
  for (const char* stream : {"a", "b"}) {
    for (std::int64_t second = 0; second < 2; ++second) take(of(stream, Value::int64(1), second));
  }
  drained();
  auto states = saved();
  std::erase_if(states, [](const StateEdit& edit) { return edit.value.empty(); });
  REQUIRE(states.size() == 2);
  states[1].value.push_back(0);
  Deadband options = door(0.5);
  options.keys_max = 1;
  swing(options);
  pipeline->restore(states);
  CHECK(drained(1).empty());
  const auto edits = saved();
  REQUIRE(edits.size() == 1);
  CHECK((edits[0].key == states[1].key && edits[0].value.empty()));
}

TEST_CASE_FIXTURE(SwingFixture,
                  "a record that waits and is damaged is erased, its number is not used again") {
  swing(door(0.5));
  series({0, 1, 5, 2});
  auto states = saved();
  REQUIRE(states.size() == 4);
  states[3].value.pop_back();
  swing(door(0.5));
  pipeline->restore({states[3]});
  take(of("a", Value::int64(1), 0));
  const auto edits = saved();
  REQUIRE(edits.size() == 3);
  CHECK((edits[1].key == "pipeline/n/q0000000000000003" && edits[1].value.empty()));
  CHECK(edits[2].key == "pipeline/n/q0000000000000004");
}

TEST_CASE_FIXTURE(SwingFixture, "as many keys as a group takes give at once what they hold") {
  swing(door(1));
  for (int i = 0; i < 1'500; ++i) {
    const std::string stream = "s" + std::to_string(i);
    for (std::int64_t second = 0; second < 2; ++second) take(of(stream, Value::int64(1), second));
    arena.reset();
  }
  CHECK(drained(0).size() == 1'500);
  CHECK(drained(1'000).size() == SwingStep::kWaitingMax);
  CHECK(pipeline->next() == instant(1'000) + Duration::milliseconds(1));
  CHECK(drained(1'001).size() == 1'500 - SwingStep::kWaitingMax);
  CHECK(pipeline->next() == Instant::never());
}

TEST_CASE_FIXTURE(SwingFixture, "a state that is damaged is as good as none") {
  swing(door(0.5));
  series({0, 1, 5, 2});
  const auto states = saved();
  for (const StateEdit& edit : states) {
    for (std::size_t size = 0; size < edit.value.size(); ++size) {
      swing(door(0.5));
      StateEdit cut = edit;
      cut.value.resize(size);
      pipeline->restore({cut});
      drained(1);
    }
    for (std::size_t i = 0; i < edit.value.size(); ++i) {
      swing(door(0.5));
      StateEdit bent = edit;
      bent.value[i] ^= 0x5a;
      pipeline->restore({bent});
      drained(1);
      series({0, 1}, 100);
      drained(5'000);
    }
  }
}

// The bytes of these versions, for ever: an upgrade opens what an older agent stored.
TEST_CASE_FIXTURE(SwingFixture, "the stored state has its golden bytes") {
  swing(door(0.5));
  take(of("s", Value::int64(-2), 1, 9));
  take(of("s", Value::float64(-1), 2, 9));
  const auto states = saved();
  REQUIRE(states.size() == 2);
  CHECK(states[0].key == "pipeline/n/06add22276022b6f");
  CHECK(hex(states[0].value) ==
        "01128e8e35cf76d17a0a0601000000000000007307480300000000000000c095d626e80b2e013edf413adc11c5"
        "193e"
        "000000000000f0bf00943577000000000000943577000000000900000000000000017301017405000000000000"
        "f0bf"
        "00ca9a3b000000000900000000000000");
  CHECK(states[1].key == "pipeline/n/q0000000000000001");
  CHECK(hex(states[1].value) ==
        "0201000000000000000000ca9a3b0000000009000000000000000173010174"
        "0303");
}

TEST_CASE_FIXTURE(SwingFixture, "a record that is too large to hold, or whose key is, is kept") {
  Deadband options = door(1);
  options.keys = {"k"};
  swing(options);
  const std::string large(2'100, 'x');
  const auto with = [&](std::string_view k, std::string_view text, std::int64_t second) {
    take(record("s", {{"t", Value::int64(1)}, {"k", Value::text(k)}, {"text", Value::text(text)}},
                at(second)));
  };
  for (std::int64_t second = 0; second < 3; ++second) with("k", large, second);
  CHECK(drained().size() == 3);
  for (std::int64_t second = 3; second < 6; ++second) with("k", "", second);
  CHECK(drained().empty());
  with("k", large, 6);
  CHECK(drained().size() == 2);
  for (std::int64_t second = 0; second < 3; ++second) with(large, "", second);
  CHECK(drained().size() == 3);
}

TEST_CASE_FIXTURE(SwingFixture, "while sources are held back, silence does not count") {
  swing(door(1));
  series({5, 5});
  drained();
  pipeline->hold(true, instant(10));
  CHECK(drained(5'000).empty());
  pipeline->hold(false, instant(5'000));
  CHECK(drained(5'999).empty());
  CHECK(drained(6'000) == Lines{"1: 5"});
}

TEST_CASE_FIXTURE(SwingFixture, "options that make no sense are refused") {
  const auto refused = [&](Deadband options) {
    return !Pipeline::make({{"in"}, {{"n", {"in"}, options}}, {{"out", {"n"}}}}, shapes);
  };
  CHECK_FALSE(refused(door(1)));
  CHECK(refused(door(-1)));
  CHECK(refused(door(NAN)));
  CHECK(refused(door(INFINITY)));
  Deadband both = door(1);
  both.within = 1;
  CHECK(refused(both));
  CHECK(refused({.field = "t", .swing = 1, .keys = {}, .keys_max = 10}));
  Deadband many = door(1);
  many.keys_max = kSwingKeysMax + 1;
  CHECK(refused(many));
}

}  // namespace
}  // namespace pinaflux
