#include "agent/pipeline/field_changes.h"

#include <algorithm>
#include <random>

#include <doctest/doctest.h>

#include "agent/pipeline/key_limits.h"
#include "tests/agent/pipeline/changes_receiver.h"
#include "tests/agent/pipeline/pipeline_kit.h"
#include "tests/kit/heap_calls.h"

namespace pinaflux {
namespace {

std::string spelled(const Value& value) {
  switch (value.type()) {
    case Type::absent: return "-";
    case Type::null: return "null";
    case Type::boolean: return value.as_boolean() ? "true" : "false";
    case Type::text:
    case Type::bytes: return printable(value.as_text(), 20);
    default: break;
  }
  std::string text;
  append_double(text, value.to_double());
  return text;
}

struct ChangesFixture : PipelineFixture {
  void changes(FieldChanges options) { make(options); }

  // What is given for it: "1 - null"; "": nothing.
  std::string comes(const Record& record, Instant now = {}) {
    const std::size_t before = group.records[0].size();
    CHECK(give(record, now) == Pipeline::Verdict::taken);
    if (group.records[0].size() == before) return "";
    REQUIRE(group.records[0].size() == before + 1);
    const Record& given = group.records[0].back();
    CHECK(&given.shape() == &record.shape());
    CHECK(given.time() == record.time());
    std::string text;
    for (const Value& value : given.cells()) text += (text.empty() ? "" : " ") + spelled(value);
    return text;
  }

  Record pair(Value a, Value b, std::int64_t second, std::uint64_t boot = 0) {
    return record("s", {{"a", a}, {"b", b}}, at(second, boot));
  }
  std::string pair_comes(double a, double b, std::int64_t second, Instant now = {}) {
    return comes(pair(Value::float64(a), Value::float64(b), second), now);
  }

  // Into a pipeline of these options, as after a crash; the state as it is saved.
  std::vector<StateEdit> restart(const FieldChanges& options) {
    auto states = saved();
    changes(options);
    pipeline->restore(states);
    return states;
  }
};

const FieldChanges kTwo{.fields = {{"b", 0.1, 10}, {"a", 1.0, 0}}, .keys = {}};

TEST_CASE_FIXTURE(ChangesFixture, "a field near its last given value is left out") {
  changes(kTwo);
  CHECK(pair_comes(10, 100, 0) == "10 100");
  CHECK(pair_comes(11, 111, 1) == "- 111");
  CHECK(pair_comes(11.5, 111, 2) == "11.5 -");
  CHECK(pair_comes(10.5, 122.1, 3) == "");
  CHECK(pair_comes(12.6, 99, 4) == "12.6 99");
}

TEST_CASE_FIXTURE(ChangesFixture, "of two widths the wider counts, a share of 0 is nothing") {
  changes(kTwo);
  CHECK(pair_comes(0, 0, 0) == "0 0");
  CHECK(pair_comes(0, 0.1, 1) == "");
  CHECK(pair_comes(0, 0.11, 2) == "- 0.11");
  CHECK(pair_comes(0, 0.21, 3) == "");
  CHECK(pair_comes(0, -0.01, 4) == "- -0.01");
}

TEST_CASE_FIXTURE(ChangesFixture, "a field without a width is left out where it is the same") {
  changes({});
  const auto comes_with = [&](Value a, Value b, std::int64_t second) {
    return comes(pair(a, b, second));
  };
  CHECK(comes_with(Value::text("on"), Value::boolean(true), 0) == "on true");
  CHECK(comes_with(Value::text("on"), Value::boolean(true), 1) == "");
  CHECK(comes_with(Value::text("off"), Value::boolean(true), 2) == "off -");
  CHECK(comes_with(Value::bytes(as_bytes("off")), Value::int64(1), 3) == "off 1");
  CHECK(comes_with(Value::null(), Value::float64(1), 4) == "null -");
  CHECK(comes_with(Value::null(), Value::float64(std::nan("")), 5) == "- nan");
  CHECK(comes_with(Value::int64(0), Value::float64(std::nan("")), 6) == "0 -");
  CHECK(comes_with(Value::int64(0), Value::float64(INFINITY), 7) == "- inf");
  CHECK(comes_with(Value::float64(-0.0), Value::float64(INFINITY), 8) == "");
}

TEST_CASE_FIXTURE(ChangesFixture, "large integers are told apart exactly") {
  changes({.fields = {{"b", 2.0, 0}}, .keys = {}});
  const auto comes_with = [&](std::uint64_t a, std::uint64_t b, std::int64_t second) {
    const std::size_t before = group.records[0].size();
    const auto number = [](std::uint64_t n) {
      return n >> 63 != 0 ? Value::uint64(n) : Value::int64(static_cast<std::int64_t>(n));
    };
    (void)give(pair(number(a), number(b), second));
    std::string there;
    for (std::size_t i = before; i < group.records[0].size(); ++i) {
      for (const Value& v : group.records[0][i].cells()) there += v.is_number() ? 'x' : '-';
    }
    return there;
  };
  const std::uint64_t top = std::uint64_t{1} << 63;
  CHECK(comes_with(top + 1, top - 1, 0) == "xx");
  CHECK(comes_with(top + 2, top - 1, 1) == "x-");
  CHECK(comes_with(top + 2, top + 1, 2) == "");
  CHECK(comes_with(top + 2, top + 2, 3) == "-x");
  CHECK(comes_with(top + 2, top + 4, 4) == "");
  CHECK(comes_with((std::uint64_t{1} << 53) + 1, top + 5, 5) == "xx");
  CHECK(comes_with(std::uint64_t{1} << 53, top + 5, 6) == "x-");
}

TEST_CASE_FIXTURE(ChangesFixture, "an absent field says nothing, and what was given stays") {
  changes({});
  CHECK(comes(pair(Value::int64(1), Value::int64(2), 0)) == "1 2");
  CHECK(comes(pair(Value(), Value::int64(3), 1)) == "- 3");
  CHECK(comes(pair(Value(), Value(), 2)) == "");
  CHECK(comes(pair(Value::int64(1), Value::int64(3), 3)) == "");
  CHECK(comes(pair(Value::int64(2), Value(), 4)) == "2 -");
}

TEST_CASE_FIXTURE(ChangesFixture, "each key by itself, and its fields are given always") {
  changes({.fields = {{"a", 1.0, 0}}, .keys = {"k"}});
  const auto keyed = [&](const char* k, double a, std::int64_t second) {
    return comes(record("s", {{"k", Value::text(k)}, {"a", Value::float64(a)}}, at(second)));
  };
  CHECK(keyed("x", 1, 0) == "x 1");
  CHECK(keyed("y", 5, 0) == "y 5");
  CHECK(keyed("x", 2, 1) == "");
  CHECK(keyed("y", 2, 1) == "y 2");
  CHECK(keyed("x", 5, 2) == "x 5");
  CHECK(comes(record("t", {{"k", Value::text("x")}, {"a", Value::int64(5)}}, at(3))) == "x 5");
}

TEST_CASE_FIXTURE(ChangesFixture, "fields are remembered by name, whatever the shape") {
  changes({});
  const auto three = [&](int a, int c, int b, std::int64_t second) {
    return comes(record(
        "s", {{"a", Value::int64(a)}, {"c", Value::int64(c)}, {"b", Value::int64(b)}}, at(second)));
  };
  CHECK(comes(pair(Value::int64(1), Value::int64(2), 0)) == "1 2");
  CHECK(three(1, 7, 3, 1) == "- 7 3");
  CHECK(comes(pair(Value::int64(1), Value::int64(3), 2)) == "");
  CHECK(three(1, 7, 3, 3) == "");
  CHECK(comes(record("s", {{"c", Value::int64(8)}}, at(4))) == "8");
  CHECK(three(1, 8, 3, 5) == "");
}

TEST_CASE_FIXTURE(ChangesFixture, "a long text is given always, and is the last that was given") {
  changes({});
  const std::string long_text(65, 'x');
  const auto comes_with = [&](std::string_view a, std::int64_t second) {
    return comes(pair(Value::text(a), Value::int64(1), second)).substr(0, 3);
  };
  CHECK(comes_with("old", 0) == "old");
  CHECK(comes_with(long_text, 1) == "xxx");
  CHECK(comes_with(long_text, 2) == "xxx");
  CHECK(comes_with("old", 3) == "old");
  CHECK(comes_with("old", 4) == "");
  CHECK(comes_with(long_text.substr(1), 5) == "xxx");
  CHECK(comes_with(long_text.substr(1), 6) == "");
}

TEST_CASE_FIXTURE(ChangesFixture, "a key that is too long has whole records") {
  changes({.keys = {"k"}});
  const std::string key(1'100, 'k');
  for (std::int64_t second = 0; second < 2; ++second) {
    CHECK(comes(record("s", {{"a", Value::int64(1)}, {"k", Value::text(key)}}, at(second)))
              .starts_with("1 kkk"));
  }
  CHECK(saved().empty());
}

TEST_CASE_FIXTURE(ChangesFixture, "after a silence a record is whole, by either clock") {
  FieldChanges options = kTwo;
  options.silence_max = Duration::seconds(60);
  changes(options);
  CHECK(pair_comes(1, 1, 0, instant(0)) == "1 1");
  CHECK(pair_comes(5, 1, 59, instant(1)) == "5 -");
  CHECK(pair_comes(5, 1, 60, instant(2)) == "5 1");
  CHECK(pair_comes(5, 1, 61, instant(61)) == "");
  CHECK(pair_comes(5, 1, 62, instant(62)) == "5 1");
  const auto without_a = [&](std::int64_t second, Instant now) {
    return comes(pair(Value::null(), Value::float64(1), second), now);
  };
  CHECK(without_a(100, instant(63)) == "null -");
  CHECK(without_a(121, instant(64)) == "");
  CHECK(without_a(122, instant(65)) == "null 1");
}

TEST_CASE_FIXTURE(ChangesFixture, "a whole record begins anew: what it has not is given again") {
  FieldChanges options;
  options.silence_max = Duration::seconds(60);
  changes(options);
  CHECK(comes(pair(Value::int64(1), Value::int64(2), 0)) == "1 2");
  CHECK(comes(pair(Value::int64(1), Value(), 60)) == "1 -");
  CHECK(comes(pair(Value::int64(1), Value::int64(2), 61)) == "- 2");
}

TEST_CASE_FIXTURE(ChangesFixture,
                  "a record of another boot is whole, and where the clock was set back") {
  changes(kTwo);
  CHECK(pair_comes(1, 1, 5'000) == "1 1");
  turn = at(5, 7);
  CHECK(comes(pair(Value::float64(1), Value::float64(1), 4, 7)) == "1 1");
  CHECK(comes(pair(Value::float64(1), Value::float64(5), 5, 7)) == "- 5");
  turn = at(6'000);
  CHECK(pair_comes(1, 5, 6'000) == "1 5");
  turn = at(3'000);
  CHECK(pair_comes(1, 5, 3'000) == "1 5");
  CHECK(pair_comes(1, 5, 3'001) == "");
}

TEST_CASE_FIXTURE(ChangesFixture, "a latecomer is whole and leaves no trace") {
  changes(kTwo);
  CHECK(pair_comes(1, 1, 100) == "1 1");
  const auto before = saved();
  REQUIRE(before.size() == 1);
  CHECK(pair_comes(1, 1, 99) == "1 1");
  CHECK(pair_comes(7, 1, 98) == "7 1");
  CHECK(saved().empty());
  CHECK(pair_comes(1, 1, 101) == "");
  CHECK(pair_comes(7, 1, 102) == "7 -");
}

TEST_CASE_FIXTURE(ChangesFixture,
                  "behind one that was not given a latecomer is whole, and so is the next") {
  changes(kTwo);
  CHECK(pair_comes(1, 1, 100) == "1 1");
  CHECK(pair_comes(1, 1, 105) == "");
  CHECK(pair_comes(1, 1, 103) == "");
  CHECK(pair_comes(7, 1, 104) == "7 1");
  restart(kTwo);
  CHECK(pair_comes(1, 1, 106) == "1 1");
  CHECK(pair_comes(1, 1, 107) == "");
}

TEST_CASE_FIXTURE(ChangesFixture, "a crash repeats nothing and loses nothing") {
  FieldChanges options = kTwo;
  options.silence_max = Duration::seconds(60);
  changes(options);
  CHECK(pair_comes(1, 1, 0) == "1 1");
  CHECK(pair_comes(5, 1, 30) == "5 -");
  const auto states = restart(options);
  REQUIRE(states.size() == 1);
  CHECK(states[0].value.size() <= kBandBytes + kChangesHeadBytes + 2 * kChangesFieldBytes);
  CHECK(pipeline->snapshot().size() == 1);
  CHECK(pair_comes(5, 1, 59) == "");
  CHECK(pair_comes(1, 1, 29) == "1 1");
  CHECK(pair_comes(5, 1, 60) == "5 1");
  // Other widths keep what is known, other keys do not.
  options.fields.clear();
  changes(options);
  pipeline->restore(states);
  CHECK(pair_comes(5, 1, 31) == "");
  options.keys = {"k"};
  changes(options);
  pipeline->restore(states);
  CHECK(pair_comes(5, 1, 31) == "5 1");
}

TEST_CASE_FIXTURE(ChangesFixture, "a damaged state gives whole records, or whole fields") {
  changes(kTwo);
  CHECK(pair_comes(1, 1, 0) == "1 1");
  const auto states = saved();
  for (std::size_t size = 0; size < states[0].value.size(); ++size) {
    changes(kTwo);
    StateEdit cut = states[0];
    cut.value.resize(size);
    pipeline->restore({cut});
    CHECK(pair_comes(1, 1, 1) == "1 1");
  }
  std::mt19937 random(7);
  for (int i = 0; i < 2'000; ++i) {
    changes(kTwo);
    StateEdit other = states[0];
    other.value[random() % other.value.size()] ^= static_cast<std::uint8_t>(1 + random() % 255);
    pipeline->restore({other});
    const std::string given = pair_comes(3, 3, 1);
    CHECK((given == "3 3" || given == "3 -" || given == "- 3" || given == ""));
    group.reset();
    arena.reset();
  }
}

TEST_CASE_FIXTURE(ChangesFixture, "a record that is refused elsewhere leaves no trace") {
  make({{"in"},
        {{"n", {"in"}, FieldChanges{}}, {"r", {"in"}, Rename{.fields = {{"u", "a"}}}}},
        {{"out", {"n", "r"}}}});
  CHECK(give(record("s", {{"a", Value::int64(1)}, {"u", Value::int64(1)}})) ==
        Pipeline::Verdict::refused);
  CHECK(saved().empty());
}

TEST_CASE_FIXTURE(ChangesFixture, "what has no room is given always, and a commit is bounded") {
  constexpr std::size_t kKeys = 8'192;
  changes({.keys = {"k"}, .keys_max = kKeys});
  const std::size_t fit = (changes_row_bytes(kKeys) - kChangesHeadBytes) / kChangesFieldBytes;
  REQUIRE(fit == 10);
  const auto wide = [&](std::int64_t key, std::int64_t second) {
    RecordFixture::Cells cells{{"k", Value::int64(key)}};
    for (int i = 0; i < 12; ++i) cells.emplace_back("f" + std::to_string(i), Value::int64(i));
    return record("s", cells, at(second));
  };
  CHECK(give(wide(0, 0)) == Pipeline::Verdict::taken);
  for (std::int64_t second = 1; second < 4; ++second) {
    CHECK(give(wide(0, second)) == Pipeline::Verdict::taken);
    const auto cells = group.records[0].back().cells();
    CHECK(std::ranges::count(cells, Type::absent, &Value::type) == 10);
  }
  std::size_t bytes = 0, edits = 0;
  for (std::size_t key = 0; key < kKeys; ++key) {
    CHECK(give(wide(static_cast<std::int64_t>(key), 10)) == Pipeline::Verdict::taken);
    if (key % 64 != 63) continue;
    for (const StateEdit& edit : saved()) {
      bytes += edit.value.size() - 19 + 16;  // But for the key; and its name.
      ++edits;
    }
    group.reset();
    arena.reset();
  }
  CHECK(edits == kKeys);
  CHECK(bytes <= kKeysBytesMax);
}

TEST_CASE_FIXTURE(ChangesFixture, "nothing is taken from the heap for a record") {
  FieldChanges options = kTwo;
  options.keys = {"k"};
  options.silence_max = Duration::seconds(50);
  auto made = FieldChangesStep::make(options);
  REQUIRE(made.has_value());
  Step& step = **made;
  std::vector<Record> records;
  for (int i = 0; i < 400; ++i) {
    records.push_back(record("s",
                             {{"k", Value::int64(i % 7)},
                              {"a", Value::float64(i / 11)},
                              {"b", i % 5 == 0 ? Value::null() : Value::float64(i / 30)},
                              {"c", Value::text(i / 20 % 2 == 0 ? "open" : "closed")}},
                             at(i)));
  }
  struct Counting final : Flow {
    explicit Counting(Arena& arena) : Flow({}, 0, arena, arena) {}
    void emit(const Record& given, NodePort) override {
      ++count;
      for (const Value& value : given.cells()) left_out += value.type() == Type::absent ? 1 : 0;
    }
    void refuse(Reason) override { REQUIRE(false); }
    std::size_t count = 0, left_out = 0;
  } flow(arena);
  std::uint64_t calls = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const std::uint64_t before = kit::heap_calls;
    step.take(records[i], flow);
    step.commit();
    if (i >= 100) calls += kit::heap_calls - before;
  }
  CHECK(calls == 0);
  CHECK(flow.count > 200);
  CHECK(flow.count < 400);
  CHECK(flow.left_out > 200);
}

TEST_CASE_FIXTURE(ChangesFixture, "options that make no sense are refused") {
  const auto refused = [&](FieldChanges options) {
    return !Pipeline::make({{"in"}, {{"n", {"in"}, options}}, {{"out", {"n"}}}}, shapes);
  };
  CHECK_FALSE(refused({}));
  CHECK_FALSE(refused({.fields = {{"a", 0, 100}}, .keys_max = kChangesKeysMax}));
  CHECK(refused({.fields = {{"a", 0, 101}}}));
  CHECK(refused({.fields = {{"a", -1, 0}}}));
  CHECK(refused({.fields = {{"a", std::nan(""), 0}}}));
  CHECK(refused({.fields = {{"a", 1, 0}, {"b", 1, 0}, {"a", 2, 0}}}));
  CHECK(refused({.fields = {{"", 1, 0}}}));
  CHECK(refused({.silence_max = Duration::seconds(-1)}));
  CHECK(refused({.keys_max = 0}));
  CHECK(refused({.keys_max = kChangesKeysMax + 1}));
  CHECK(refused({.fields = {{"a", 1, 0}, {"b", 1, 0}}, .keys_max = kChangesKeysMax}));
}

// Any records of a few keys and shapes, in their order, with crashes and refusals: a receiver is within the width of every value.
TEST_CASE_FIXTURE(ChangesFixture, "what a receiver makes of it is near every value that came") {
  const FieldChanges options{.fields = {{"a", 2.0, 0}, {"b", 0.5, 5}},
                             .silence_max = Duration::seconds(90),
                             .keys = {"k"},
                             .keys_max = 3};
  const std::vector<std::string> names{"a", "b", "c", "d"};
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::mt19937 random(seed);
    ChangesReceiver receiver({"k"});
    const PipelineOptions both{
        {"in"},
        {{"n", {"in"}, options}, {"r", {"in"}, Rename{.fields = {{"u", "v"}}}}},
        {{"out", {"n"}}, {"other", {"r"}}}};
    make(both);
    std::size_t given = 0, cells_given = 0, cells_come = 0;
    double worst = 0;
    const std::string words[] = {"on", "off", std::string(70, 'w')};
    for (std::int64_t second = 0; second < 400; second += random() % 4) {
      RecordFixture::Cells cells{{"k", Value::int64(random() % 40 == 0 ? 3 : random() % 3)}};
      for (const std::string& name : names) {
        if (random() % 6 == 0) continue;
        const auto kind = random() % 24;
        cells.emplace_back(
            name, kind == 0   ? Value::null()
                  : kind == 1 ? Value()
                  : kind == 2 ? Value::text(words[random() % 3])
                  : kind < 6  ? Value::int64(static_cast<std::int64_t>(random() % 8))
                              : Value::float64(50 + static_cast<double>(random() % 40) / 10));
      }
      const bool refused = random() % 10 == 0;  // By the node beside it, after it was taken here.
      if (refused) {
        cells.emplace_back("u", Value::int64(1));
        cells.emplace_back("v", Value::int64(1));
      }
      const Record came = record("s", cells, at(second));
      const std::size_t before = group.records[0].size();
      const auto verdict = give(came, instant(second));
      REQUIRE(verdict == (refused ? Pipeline::Verdict::refused : Pipeline::Verdict::taken));
      REQUIRE((!refused || group.records[0].size() == before));
      if (refused) continue;
      for (std::size_t i = before; i < group.records[0].size(); ++i) {
        CHECK(receiver.take(group.records[0][i].row()));
        ++given;
        for (const Value& v : group.records[0][i].cells().subspan(1)) {
          cells_given += v.type() != Type::absent ? 1 : 0;
        }
      }
      for (std::size_t i = 1; i < cells.size(); ++i) {
        const auto& [name, value] = cells[i];
        if (value.type() == Type::absent) continue;
        ++cells_come;
        REQUIRE(receiver.has(came.row(), name));
        const double off = receiver.distance(came.row(), name, value);
        const double width = name == "a"   ? 2.0
                             : name == "b" ? std::max(0.5, 0.05 * receiver.last(came.row(), name))
                                           : 0.0;
        worst = std::max(worst, off - width);
      }
      if (random() % 20 == 0) {
        saved();
        const auto states = pipeline->snapshot();
        make(both);
        pipeline->restore(states);
      }
      if (group.records[0].size() > 100) {
        saved();
        group.reset();
        arena.reset();
      }
    }
    CAPTURE(seed);
    CHECK(worst <= 1e-12);
    CHECK(cells_given < cells_come);
    CHECK(given > 50);
  }
}

}  // namespace
}  // namespace pinaflux
