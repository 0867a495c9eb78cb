#include "agent/pipeline/deadband.h"

#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {
namespace {

struct DeadbandFixture : PipelineFixture {
  void band(Deadband options) {
    options.field = "t";
    make(NodeKind(std::move(options)));
  }
  bool value(Value v) { return keeps(record("s", {{"t", v}})); }
};

TEST_CASE_FIXTURE(DeadbandFixture, "values within the band of the last kept one are dropped") {
  band({.within = 0.5});
  CHECK(value(Value::float64(20.0)));
  CHECK_FALSE(value(Value::float64(20.5)));
  CHECK_FALSE(value(Value::float64(19.5)));
  CHECK(value(Value::float64(20.75)));
  CHECK(value(Value::float64(20.0)));
}

TEST_CASE_FIXTURE(DeadbandFixture, "a slow drift is kept, for the band hangs on what was kept") {
  band({.within = 1.0});
  int kept = 0;
  for (int i = 0; i <= 100; ++i) kept += value(Value::float64(i * 0.25));
  CHECK(kept == 21);
}

TEST_CASE_FIXTURE(DeadbandFixture, "a band of 0 drops repetitions only") {
  band({});
  CHECK(value(Value::float64(1.0)));
  CHECK_FALSE(value(Value::int64(1)));
  CHECK(value(Value::float64(std::nextafter(1.0, 2.0))));
}

TEST_CASE_FIXTURE(DeadbandFixture, "a band in percent is of the last kept value") {
  band({.percent = 10});
  CHECK(value(Value::float64(100)));
  CHECK_FALSE(value(Value::int64(110)));
  CHECK_FALSE(value(Value::float64(90)));
  CHECK(value(Value::float64(89)));
  CHECK(value(Value::float64(98)));
  CHECK(value(Value::int64(-50)));
  CHECK_FALSE(value(Value::int64(-55)));
  CHECK(value(Value::int64(-56)));
}

TEST_CASE_FIXTURE(DeadbandFixture, "around 0 a share is nothing, and an absolute band counts") {
  band({.percent = 10});
  CHECK(value(Value::float64(0)));
  CHECK(value(Value::float64(1e-300)));
  CHECK(value(Value::float64(0)));
  band({.within = 0.5, .percent = 10});
  CHECK(value(Value::float64(0)));
  CHECK_FALSE(value(Value::float64(-0.5)));
  CHECK(value(Value::float64(100)));
  CHECK_FALSE(value(Value::float64(110)));
}

TEST_CASE_FIXTURE(DeadbandFixture, "a share of infinity or of what is no number is no band") {
  band({.percent = 100});
  CHECK(value(Value::float64(INFINITY)));
  CHECK(value(Value::float64(5)));
  CHECK(value(Value::float64(NAN)));
  CHECK(value(Value::float64(5)));
  CHECK(value(Value::float64(std::numeric_limits<double>::max())));
  CHECK_FALSE(value(Value::float64(1)));
  const auto refused = [&](double percent) {
    const Deadband options{.field = "t", .percent = percent};
    return !Pipeline::make({{"in"}, {{"n", {"in"}, options}}, {{"out", {"n"}}}}, shapes);
  };
  CHECK((refused(-1) && refused(101) && refused(NAN) && !refused(100)));
}

TEST_CASE_FIXTURE(DeadbandFixture, "integers far apart do not overflow, large ones are exact") {
  band({.within = 1});
  CHECK(value(Value::int64(std::numeric_limits<std::int64_t>::min())));
  CHECK(value(Value::int64(std::numeric_limits<std::int64_t>::max())));
  CHECK_FALSE(value(Value::int64(std::numeric_limits<std::int64_t>::max() - 1)));
  CHECK(value(Value::int64(std::numeric_limits<std::int64_t>::max() - 2)));
}

TEST_CASE_FIXTURE(DeadbandFixture, "values that are no numbers are dropped when identical") {
  band({.within = 100});
  CHECK(value(Value::text("on")));
  CHECK_FALSE(value(Value::text("on")));
  CHECK(value(Value::text("off")));
  CHECK(value(Value::bytes(as_bytes("off"))));
  CHECK(value(Value::boolean(true)));
  CHECK_FALSE(value(Value::boolean(true)));
  CHECK(value(Value::boolean(false)));
  CHECK(value(Value::null()));
  CHECK_FALSE(value(Value::null()));
  CHECK(value(Value::int64(0)));
  CHECK(value(Value::float64(NAN)));
  CHECK_FALSE(value(Value::float64(NAN)));
  CHECK(value(Value::float64(INFINITY)));
  CHECK_FALSE(value(Value::float64(INFINITY)));
  CHECK(value(Value::float64(-INFINITY)));
}

TEST_CASE_FIXTURE(DeadbandFixture, "a record without the field, or too long to remember, is kept") {
  band({.within = 1});
  for (int i = 0; i < 2; ++i) {
    CHECK(keeps(record("s", {{"u", Value::int64(1)}})));
    CHECK(value(Value()));
    CHECK(value(Value::text(std::string(65, 'x'))));
  }
  CHECK(saved().empty());
  band({.within = 1, .keys = {"k"}});
  const std::string long_key(1'100, 'k');
  for (int i = 0; i < 2; ++i) {
    CHECK(keeps(record("s", {{"t", Value::int64(1)}, {"k", Value::text(long_key)}})));
  }
}

TEST_CASE_FIXTURE(DeadbandFixture, "each stream and each key has a band of its own") {
  band({.within = 1, .keys = {"k"}});
  const auto keyed = [&](const char* stream, Value k, double t) {
    return keeps(record(stream, {{"k", k}, {"t", Value::float64(t)}}));
  };
  CHECK(keyed("a", Value::text("x"), 1));
  CHECK(keyed("a", Value::text("y"), 1));
  CHECK(keyed("b", Value::text("x"), 1));
  CHECK(keyed("a", Value::int64(5), 1));
  CHECK(keyed("a", Value::text("5"), 1));
  CHECK(keyed("a", Value(), 1));
  CHECK(keyed("a", Value::null(), 1));
  CHECK_FALSE(keyed("a", Value::text("x"), 1.5));
  CHECK_FALSE(keyed("a", Value::float64(5.0), 1.5));
}

TEST_CASE_FIXTURE(DeadbandFixture, "keys that only look alike when put together are different") {
  band({.within = 1, .keys = {"k", "l"}});
  const auto keyed = [&](const char* k, const char* l) {
    return keeps(
        record("s", {{"k", Value::text(k)}, {"l", Value::text(l)}, {"t", Value::int64(1)}}));
  };
  CHECK(keyed("ab", "c"));
  CHECK(keyed("a", "bc"));
  CHECK_FALSE(keyed("ab", "c"));
}

TEST_CASE_FIXTURE(DeadbandFixture, "silence ends by the record's time, as in a replayed backlog") {
  band({.within = 1, .silence_max = Duration::seconds(60)});
  CHECK(keeps(reading(5, 1000)));
  CHECK_FALSE(keeps(reading(5, 1059)));
  CHECK(keeps(reading(5, 1060)));
  CHECK_FALSE(keeps(reading(5, 1119)));
  CHECK(keeps(reading(5, 1120)));
}

TEST_CASE_FIXTURE(DeadbandFixture, "a clock that was set back does not silence a stream") {
  band({.within = 1, .silence_max = Duration::seconds(60)});
  turn = at(1'000'000);
  CHECK(keeps(reading(5, 1'000'000)));
  CHECK_FALSE(keeps(reading(5, 1'000'050)));
  turn = at(1'000);
  CHECK(keeps(reading(5, 990)));
  CHECK_FALSE(keeps(reading(5, 1'000)));
  CHECK(keeps(reading(6.5, 1'001)));
  CHECK_FALSE(keeps(reading(6.5, 1'002)));
}

// A row lands by its time: what it would say of others is not what they were.
TEST_CASE_FIXTURE(DeadbandFixture, "a latecomer is kept, and is not the last kept one") {
  for (const Deadband& options : {Deadband{.within = 0.5}, Deadband{.percent = 2}}) {
    band(options);
    turn = at(1'000'000);
    CHECK(keeps(reading(20, 1'000'000)));
    CHECK(keeps(reading(30, 1'000'010)));
    CHECK(keeps(reading(25, 1'000'005)));
    CHECK_FALSE(keeps(reading(30, 1'000'011)));
    CHECK(keeps(reading(30, 1'000'005)));  // What was kept before it says 20.
    CHECK(keeps(reading(30, 5)));
    CHECK_FALSE(keeps(reading(30.2, 1'000'020)));
    CHECK_FALSE(keeps(reading(30.3, 1'000'015)));
    CHECK(keeps(reading(50, 1'000'015)));
    CHECK_FALSE(keeps(reading(30, 1'000'021)));
  }
}

TEST_CASE_FIXTURE(DeadbandFixture,
                  "silence ends by arrival too, when a source's clock stands still") {
  band({.within = 1, .silence_max = Duration::seconds(60)});
  CHECK(keeps(reading(5, 1000), instant(10)));
  CHECK_FALSE(keeps(reading(5, 1000), instant(69)));
  CHECK(keeps(reading(5, 1000), instant(70)));
}

TEST_CASE_FIXTURE(DeadbandFixture, "records of different boots are compared by arrival") {
  band({.within = 1, .silence_max = Duration::seconds(60)});
  const auto of_boot = [&](std::uint64_t boot) {
    return record("s", {{"t", Value::float64(5)}}, at(1'700'000'000, boot));
  };
  CHECK(keeps(of_boot(0), instant(10)));
  turn = at(60, 7);
  CHECK_FALSE(keeps(of_boot(7), instant(60)));
  CHECK(keeps(of_boot(7), instant(70)));
  CHECK(keeps(of_boot(6), instant(71)));  // Of a boot that is over: nothing new.
  CHECK_FALSE(keeps(of_boot(7), instant(72)));
}

TEST_CASE_FIXTURE(DeadbandFixture, "after a restart silence goes on by the record's time") {
  const Deadband options{.within = 1, .silence_max = Duration::seconds(60)};
  band(options);
  CHECK(keeps(reading(5, 1000), instant(500)));
  const auto states = saved();

  band(options);
  pipeline->restore(states);
  CHECK_FALSE(keeps(reading(5, 1030), instant(1)));
  CHECK(keeps(reading(5, 1060), instant(2)));

  band(options);
  pipeline->restore(states);
  CHECK_FALSE(keeps(reading(5, 1000), instant(1)));
  CHECK(keeps(reading(5, 1000), instant(61)));

  band(options);
  pipeline->restore(states);
  CHECK(keeps(record("s", {{"t", Value::float64(5)}}, at(1000, 7)), instant(1)));
}

TEST_CASE_FIXTURE(DeadbandFixture, "without a bound a stream may be silent for ever") {
  band({.within = 1});
  CHECK(keeps(reading(5, 0), instant(0)));
  CHECK_FALSE(keeps(reading(5, 4'000'000'000), instant(4'000'000'000)));
}

TEST_CASE_FIXTURE(DeadbandFixture,
                  "the least recently used key is forgotten, in the stored state too") {
  band({.within = 1, .keys_max = 2});
  const auto stream = [&](const char* name) {
    return keeps(record(name, {{"t", Value::float64(5)}}));
  };
  CHECK(stream("a"));
  CHECK(stream("b"));
  const auto both = saved();
  REQUIRE(both.size() == 2);
  CHECK_FALSE(stream("a"));  // Now b is the oldest.

  CHECK(stream("c"));

  const auto edits = saved();
  REQUIRE(edits.size() == 2);
  CHECK(edits[0].key == both[1].key);
  CHECK(edits[0].value.empty());
  CHECK_FALSE(edits[1].value.empty());
  CHECK_FALSE(stream("a"));
  CHECK(stream("b"));
}

TEST_CASE_FIXTURE(DeadbandFixture, "a key that was forgotten and came back is not erased") {
  band({.within = 1, .keys_max = 1});
  const auto stream = [&](const char* name) {
    return keeps(record(name, {{"t", Value::float64(5)}}));
  };
  CHECK(stream("a"));
  const auto first = saved();
  CHECK(stream("b"));
  CHECK(stream("a"));
  const auto edits = saved();
  REQUIRE(edits.size() == 1);
  CHECK(edits[0].key == first[0].key);
  CHECK_FALSE(edits[0].value.empty());
}

TEST_CASE_FIXTURE(DeadbandFixture, "a record that comes twice is in the band of itself") {
  make({{"in"},
        {{"x", {"in"}, PassThrough{}},
         {"y", {"in"}, PassThrough{}},
         {"n", {"x", "y"}, Deadband{.field = "t", .within = 1}}},
        {{"out", {"n"}}}});
  CHECK(give(reading(5)) == Pipeline::Verdict::taken);
  CHECK(group.records[0].size() == 1);
}

// The bytes of version 1, for ever: an upgrade opens what an older agent stored.
TEST_CASE_FIXTURE(DeadbandFixture, "the stored state has its golden bytes") {
  band({.within = 1});
  CHECK(keeps(record("s", {{"t", Value::int64(-2)}}, {1'500'000'000, 9})));
  const auto states = saved();
  REQUIRE(states.size() == 1);
  CHECK(states[0].key == "pipeline/n/06add22276022b6f");
  CHECK(
      hex(states[0].value) ==
      "01c17fd94f3450bcd70a0601000000000000007303feffffffffffffff002f6859000000000900000000000000");
}

TEST_CASE("a thousand keys through a table of a hundred keep the newest hundred") {
  BandTable table(100, 1);
  const auto key = [](int i) { return "key" + std::to_string(i); };
  for (int i = 0; i < 1'000; ++i) {
    table.put(key(i), stable_hash(key(i))).bits = static_cast<std::uint64_t>(i);
    REQUIRE(table.find(key(i), stable_hash(key(i))) != nullptr);
  }
  CHECK(table.count() == 100);
  for (int i = 0; i < 1'000; ++i) {
    Band* band = table.find(key(i), stable_hash(key(i)));
    REQUIRE((band != nullptr) == (i >= 900));
    if (band != nullptr) CHECK(band->bits == static_cast<std::uint64_t>(i));
  }
}

TEST_CASE("keys with the same hash are told apart") {
  BandTable table(4, 1);
  for (const char* key : {"a", "b", "c", "d", "e"}) table.put(key, 7).text = key;
  CHECK(table.find("a", 7) == nullptr);
  for (const char* key : {"b", "c", "d", "e"}) {
    REQUIRE(table.find(key, 7) != nullptr);
    CHECK(table.find(key, 7)->text == key);
  }
}

}  // namespace
}  // namespace pinaflux
