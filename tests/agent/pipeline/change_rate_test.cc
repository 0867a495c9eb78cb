#include "agent/pipeline/change_rate.h"

#include <cmath>

#include <doctest/doctest.h>

#include "tests/agent/pipeline/window_kit.h"

namespace pinaflux {
namespace {

struct ChangeRateFixture : WindowFixture {
  static ChangeRate of(std::vector<std::string> fields) { return {.of = std::move(fields)}; }
  static ChangeRate counter(double wraps_at = 0) {
    return {.of = {"t"}, .counter = true, .wraps_at = wraps_at, .total = true};
  }
  void rate(ChangeRate options) { make(NodeKind(std::move(options))); }
  // What is added to it.
  std::string next(Value value, std::int64_t second, std::uint64_t boot = 0) {
    take(record("s", {{"t", value}}, at(second, boot)));
    const Record& given = group.records[0].back();
    std::string added;
    for (std::size_t i = 1; i < given.cells().size(); ++i) {
      added += (i > 1 ? " " : "") + text(given.cells()[i]);
    }
    return added;
  }
  std::string next(std::int64_t value, std::int64_t second) {
    return next(Value::int64(value), second);
  }
};

TEST_CASE_FIXTURE(ChangeRateFixture, "a rate is the change since the last record of the key") {
  ChangeRate options = of({"t"});
  options.per = Duration::seconds(60);
  rate(options);
  CHECK(next(10, 100) == "-");
  CHECK(next(15, 110) == "30");
  CHECK(next(Value::float64(5), 130) == "-30");
  CHECK(next(Value::uint64(UINT64_MAX), 131) == "1.1068e+21");
  CHECK(group.records[0].back().shape().fields()[1] == "t_rate");
}

TEST_CASE_FIXTURE(ChangeRateFixture, "what is no number has no rate, and changes nothing") {
  rate(of({"t"}));
  CHECK(next(10, 0) == "-");
  CHECK(next(Value::text("11"), 1) == "-");
  CHECK(next(Value::float64(NAN), 2) == "-");
  CHECK(next(Value::float64(INFINITY), 3) == "-");
  CHECK(next(Value::null(), 4) == "-");
  CHECK(next(Value(), 5) == "-");
  CHECK(next(Value::boolean(true), 6) == "-");
  CHECK(next(30, 10) == "2");
  take(record("s", {{"u", Value::int64(1)}}));
  CHECK(text(group.records[0].back().cells()[1]) == "-");
}

TEST_CASE_FIXTURE(ChangeRateFixture, "integers beyond 2^53 are subtracted exactly") {
  rate(of({"t"}));
  CHECK(next(INT64_MAX - 5, 0) == "-");
  CHECK(next(INT64_MAX, 1) == "5");
  CHECK(next(INT64_MIN, 2) == "-1.84467e+19");
}

TEST_CASE_FIXTURE(ChangeRateFixture, "a latecomer has no rate and leaves no trace") {
  rate(counter());
  CHECK(next(100, 1'000) == "- 100");
  CHECK(next(50, 990) == "- -");
  CHECK(next(110, 1'010) == "1 110");
  CHECK(next(120, 1'010) == "- 120");  // At the same time: counted, without a rate.
  CHECK(next(130, 1'020) == "1 130");
}

TEST_CASE_FIXTURE(ChangeRateFixture, "a clock that was set back far begins anew, and counts on") {
  rate(counter());
  CHECK(next(100, 1'000'000) == "- 100");
  CHECK(next(110, 10) == "- 110");
  CHECK(next(120, 20) == "1 120");
  turn = at(30, 7);
  CHECK(next(Value::int64(130), 30, 7) == "- 130");
  CHECK(next(Value::int64(140), 40, 7) == "1 140");
}

TEST_CASE_FIXTURE(ChangeRateFixture, "an old record that is replayed leaves no trace") {
  rate(counter());
  turn = at(1'000'000);
  CHECK(next(5'000, 1'000'000) == "- 5000");
  CHECK(next(5'001, 1'000'001) == "1 5001");
  CHECK(next(100, 800'000) == "- -");
  CHECK(next(5'002, 1'000'002) == "1 5002");
  CHECK(next(Value::int64(3), 50, 7) == "- -");  // Of a boot that is over.
  CHECK(next(5'003, 1'000'003) == "1 5003");
}

TEST_CASE_FIXTURE(ChangeRateFixture, "a counter that falls was reset to 0") {
  rate(counter());
  CHECK(next(1'000, 0) == "- 1000");
  CHECK(next(1'010, 10) == "1 1010");
  CHECK(next(20, 20) == "2 1030");
  CHECK(next(30, 30) == "1 1040");
  CHECK(next(-5, 40) == "0 1040");
  CHECK(next(Value::float64(0.5), 41) == "5.5 1045.5");
}

TEST_CASE_FIXTURE(ChangeRateFixture, "a counter wraps where it falls far, and is reset otherwise") {
  rate(counter(65'536));
  CHECK(next(65'530, 0) == "- 65530");
  CHECK(next(4, 10) == "1 65540");
  CHECK(next(1'000, 20) == "99.6 66536");
  CHECK(next(10, 30) == "1 66546");
  CHECK(next(200'000, 40) == "19999 266536");
  CHECK(next(10, 50) == "1 266546");  // Further than it could wrap.
}

TEST_CASE_FIXTURE(ChangeRateFixture, "without counter a fall is a fall") {
  rate(of({"t"}));
  CHECK(next(1'000, 0) == "-");
  CHECK(next(0, 10) == "-100");
}

TEST_CASE_FIXTURE(ChangeRateFixture, "each key and each field by itself") {
  ChangeRate options = of({"a", "b"});
  options.keys = {"k"};
  rate(options);
  const auto keyed = [&](int k, int a, int b, std::int64_t second) {
    take(record("s", {{"k", Value::int64(k)}, {"a", Value::int64(a)}, {"b", Value::int64(b)}},
                at(second)));
    const auto cells = group.records[0].back().cells();
    return text(cells[3]) + " " + text(cells[4]);
  };
  CHECK(keyed(1, 1, 1, 0) == "- -");
  CHECK(keyed(2, 5, 5, 0) == "- -");
  CHECK(keyed(1, 3, 4, 1) == "2 3");
  CHECK(keyed(2, 5, 6, 1) == "0 1");
}

TEST_CASE_FIXTURE(ChangeRateFixture, "a field that is there already gets the new value") {
  rate(of({"t"}));
  const auto with = [&](std::int64_t t, std::int64_t second) {
    take(record("s", {{"t_rate", Value::text("old")}, {"t", Value::int64(t)}}, at(second)));
    REQUIRE(group.records[0].back().cells().size() == 2);
    return text(group.records[0].back().cells()[0]);
  };
  CHECK(with(1, 0) == "-");
  CHECK(with(3, 1) == "2");
}

TEST_CASE_FIXTURE(ChangeRateFixture, "what was counted is known after a crash") {
  rate(counter());
  CHECK(next(1'000, 0) == "- 1000");
  CHECK(next(10, 10) == "1 1010");
  const auto states = saved();
  REQUIRE(states.size() == 1);
  CHECK(pipeline->snapshot().size() == 1);
  rate(counter());
  pipeline->restore(states);
  CHECK(next(20, 20) == "1 1020");
  for (std::size_t size = 0; size < states[0].value.size(); ++size) {
    rate(counter());
    StateEdit cut = states[0];
    cut.value.resize(size);
    pipeline->restore({cut});
    CHECK(next(20, 20) == "- 20");
  }
  ChangeRate other = counter();
  other.keys = {"k"};
  rate(other);
  pipeline->restore(states);
  CHECK(next(20, 20) == "- 20");
}

TEST_CASE_FIXTURE(ChangeRateFixture, "a record that is refused elsewhere leaves no trace") {
  make({{"in"},
        {{"n", {"in"}, counter()}, {"r", {"in"}, Rename{.fields = {{"u", "t"}}}}},
        {{"out", {"n", "r"}}}});
  CHECK(give(record("s", {{"t", Value::int64(1)}, {"u", Value::int64(1)}})) ==
        Pipeline::Verdict::refused);
  CHECK(saved().empty());
}

TEST_CASE_FIXTURE(ChangeRateFixture, "a key that is too long has no rate") {
  ChangeRate options = of({"t"});
  options.keys = {"k"};
  rate(options);
  const std::string long_key(1'100, 'k');
  for (std::int64_t second = 0; second < 2; ++second) {
    take(record("s", {{"t", Value::int64(second)}, {"k", Value::text(long_key)}}, at(second)));
    CHECK(text(group.records[0].back().cells()[2]) == "-");
  }
}

TEST_CASE_FIXTURE(ChangeRateFixture, "options that make no sense are refused") {
  const auto refused = [&](ChangeRate options) {
    return !Pipeline::make({{"in"}, {{"n", {"in"}, options}}, {{"out", {"n"}}}}, shapes);
  };
  CHECK_FALSE(refused(counter(4'294'967'296.0)));
  CHECK(refused({}));
  CHECK(refused(of({"a", "a"})));
  CHECK(refused(of({""})));
  CHECK(refused(counter(-1)));
  CHECK(refused(counter(INFINITY)));
  CHECK(refused({.of = {"a"}, .total = true}));
  CHECK(refused({.of = {"a"}, .wraps_at = 10}));
  CHECK(refused({.of = {"a"}, .per = {}}));
  CHECK(refused({.of = {"a", "b"}, .keys_max = 12'788}));
  CHECK_FALSE(refused({.of = {"a", "b"}, .keys_max = 12'787}));
}

}  // namespace
}  // namespace pinaflux
