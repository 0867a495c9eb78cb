#include "agent/pipeline/anomaly.h"

#include <cmath>
#include <limits>
#include <random>

#include <doctest/doctest.h>

#include "tests/agent/pipeline/window_kit.h"
#include "tests/kit/heap_calls.h"

namespace pinaflux {
namespace {

struct AnomalyFixture : WindowFixture {
  static Anomaly of(std::vector<std::string> fields) {
    return {.of = std::move(fields), .history = 5, .warm_up = 3, .keys = {}};
  }
  void anomaly(Anomaly options) { make(NodeKind(std::move(options))); }
  // What is added to it.
  std::string next(Value value, std::int64_t time, std::uint64_t boot = 0) {
    take(record("s", {{"t", value}}, at(time, boot)));
    const auto cells = group.records[0].back().cells();
    REQUIRE(cells.size() == 3);
    return text(cells[1]) + " " + text(cells[2]);
  }
  std::string next(double value) { return next(Value::float64(value), ++second); }

  std::int64_t second = 0;
};

TEST_CASE_FIXTURE(AnomalyFixture, "a score is how far a value is from those before") {
  anomaly(of({"t"}));
  CHECK(next(10) == "- -");
  CHECK(next(12) == "- -");
  CHECK(next(11) == "- -");
  CHECK(next(13) == "1.34898 false");  // Of 10, 11, 12: 2 / 1.4826.
  CHECK(next(30) == "12.4781 true");   // Of 10 to 13: 18.5 / 1.4826.
  CHECK(next(12) == "0 false");
  CHECK(group.records[0].back().shape().fields()[1] == "t_score");
  CHECK(group.records[0].back().shape().fields()[2] == "t_anomaly");
}

TEST_CASE_FIXTURE(AnomalyFixture, "a new level is an anomaly until half of the history is of it") {
  anomaly(of({"t"}));
  for (const double value : {10.0, 11.0, 10.0, 11.0, 10.0}) next(value);
  CHECK(next(50).ends_with("true"));
  CHECK(next(51).ends_with("true"));
  CHECK(next(50) == "26.3051 true");  // Of 10, 10, 11, 50, 51: 39 / 1.4826.
  CHECK(next(51) == "0.674491 false");
}

TEST_CASE_FIXTURE(AnomalyFixture, "of values that stand still any other is an anomaly") {
  anomaly(of({"t"}));
  for (int i = 0; i < 3; ++i) next(7);
  CHECK(next(7) == "0 false");
  CHECK(next(7.001) == "- true");
  CHECK(next(-7) == "- true");
  Anomaly options = of({"t"});
  options.least_spread = 0.5;
  anomaly(options);
  for (int i = 0; i < 3; ++i) next(7);
  CHECK(next(7) == "0 false");
  CHECK(next(10) == "6 false");  // Not above the threshold.
  CHECK(next(10.001) == "6.002 true");
}

TEST_CASE_FIXTURE(AnomalyFixture, "what is no number has no score, and is not remembered") {
  anomaly(of({"t"}));
  for (const double value : {1.0, 2.0, 3.0}) next(value);
  const auto nothing = [&](Value value) { CHECK(next(value, ++second) == "- -"); };
  nothing(Value::text("2"));
  nothing(Value::float64(NAN));
  nothing(Value::float64(INFINITY));
  nothing(Value::float64(-INFINITY));
  nothing(Value::null());
  nothing(Value());
  nothing(Value::boolean(true));
  CHECK(next(Value::int64(4), ++second) == "1.34898 false");
  CHECK(next(Value::uint64(4), ++second) == "1.01174 false");
  take(record("s", {{"u", Value::int64(1)}}));
  const auto cells = group.records[0].back().cells();
  CHECK((text(cells[1]) == "-" && text(cells[2]) == "-"));
}

TEST_CASE_FIXTURE(AnomalyFixture, "values at the ends of their range do no harm") {
  anomaly(of({"t"}));
  const double most = std::numeric_limits<double>::max();
  for (const double value : {-most, -most, -most}) next(value);
  CHECK(next(most) == "- true");
  CHECK(next(-most) == "0 false");
  for (const double value : {most, -most, most}) next(value);
  CHECK(next(0) == "- true");
  for (const double value : {most, most, -most, -most, 0.0}) next(value);
  CHECK(next(most) == "0 false");  // Of values that are spread beyond what a double holds.
  for (const double value : {1e-310, 1e-310, 2e-310, 1e-310, 2e-310}) next(value);
  CHECK(next(1) == "- true");
}

TEST_CASE_FIXTURE(AnomalyFixture, "a latecomer has no score, and is not remembered") {
  anomaly(of({"t"}));
  for (const double value : {1.0, 2.0, 3.0}) next(value);
  CHECK(next(Value::int64(99), 1) == "- -");
  CHECK(next(Value::int64(99), 2, 7) == "- -");  // Of a boot that is over.
  CHECK(next(Value::int64(4), 3) == "1.34898 false");
}

TEST_CASE_FIXTURE(AnomalyFixture, "a clock that was set back far ends no history") {
  anomaly(of({"t"}));
  second = 100'000;
  for (const double value : {1.0, 2.0, 3.0}) next(value);
  CHECK(next(Value::int64(4), 10) == "1.34898 false");
  turn = at(20, 7);
  CHECK(next(Value::int64(4), 20, 7) == "1.01174 false");
}

TEST_CASE_FIXTURE(AnomalyFixture, "each key and each field by itself") {
  Anomaly options = of({"a", "b"});
  options.keys = {"k"};
  anomaly(options);
  const auto keyed = [&](int k, int a, int b) {
    take(record("s", {{"k", Value::int64(k)}, {"a", Value::int64(a)}, {"b", Value::int64(b)}},
                at(++second)));
    const auto cells = group.records[0].back().cells();
    return text(cells[3]) + " " + text(cells[4]) + " " + text(cells[5]) + " " + text(cells[6]);
  };
  for (int i = 1; i <= 3; ++i) {
    CHECK(keyed(1, i, 2 * i) == "- - - -");
    CHECK(keyed(2, 10 * i, 0) == "- - - -");
  }
  CHECK(keyed(1, 5, 5) == "2.02347 false 0.337245 false");
  CHECK(keyed(2, 20, 1) == "0 false - true");
}

TEST_CASE_FIXTURE(AnomalyFixture,
                  "a field that is there already gets the new value, in its place") {
  anomaly(of({"t"}));
  take(record("s", {{"t_score", Value::text("old")}, {"t", Value::int64(1)}}, at(1)));
  const auto cells = group.records[0].back().cells();
  REQUIRE(cells.size() == 3);
  CHECK(text(cells[0]) == "-");
}

TEST_CASE_FIXTURE(AnomalyFixture, "a record that is refused elsewhere leaves no trace") {
  make({{"in"},
        {{"n", {"in"}, of({"t"})}, {"r", {"in"}, Rename{.fields = {{"u", "t"}}}}},
        {{"out", {"n", "r"}}}});
  CHECK(give(record("s", {{"t", Value::int64(1)}, {"u", Value::int64(1)}})) ==
        Pipeline::Verdict::refused);
  CHECK(saved().empty());
}

TEST_CASE_FIXTURE(AnomalyFixture,
                  "a key that is forgotten warms up again; one too long never does") {
  Anomaly options = of({"t"});
  options.keys = {"k"};
  options.keys_max = 1;
  anomaly(options);
  const auto keyed = [&](std::string_view k, double t) {
    take(record("s", {{"t", Value::float64(t)}, {"k", Value::text(k)}}, at(++second)));
    return text(group.records[0].back().cells()[3]);
  };
  for (int i = 0; i < 3; ++i) keyed("a", i);
  CHECK(keyed("a", 1) == "false");
  CHECK(keyed("b", 1) == "-");
  CHECK(keyed("a", 1) == "-");
  const std::string long_key(1'100, 'k');
  for (int i = 0; i < 5; ++i) CHECK(keyed(long_key, i) == "-");
}

// By sorting what is left of the whole series.
struct Reference {
  static double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t n = values.size();
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
  }
  std::string mark(double value) {
    std::string text = "- -";
    if (series.size() >= options.warm_up) {
      const std::size_t from = series.size() - std::min(series.size(), options.history);
      const std::vector<double> known(series.begin() + static_cast<std::ptrdiff_t>(from),
                                      series.end());
      const double center = median(known);
      std::vector<double> apart;
      for (const double each : known) apart.push_back(std::fabs(each - center));
      const double spread = std::max(1.4826 * median(apart), options.least_spread);
      const double its = std::fabs(value - center);
      const double score = its == 0.0 ? 0.0 : its / spread;
      text = spread == 0.0 && its > 0.0 ? "- true"
                                        : WindowFixture::text(Value::float64(score)) +
                                              (score > options.threshold ? " true" : " false");
    }
    series.push_back(value);
    return text;
  }

  Anomaly options;
  std::vector<double> series;
};

TEST_CASE_FIXTURE(AnomalyFixture, "scores are exact, over random series and through restarts") {
  std::mt19937 random(1993);
  const auto one_of = [&](unsigned count) { return static_cast<unsigned>(random() % count); };
  for (int round = 0; round < 40; ++round) {
    CAPTURE(round);
    Anomaly options = of({"t"});
    options.history = 3 + one_of(61);
    options.warm_up = 3 + one_of(static_cast<unsigned>(options.history) - 2);
    options.threshold = 1 + one_of(6);
    options.least_spread = one_of(2) * 0.25;
    Reference reference{options, {}};
    std::vector<StateEdit> states;
    anomaly(options);
    const unsigned ties = 1 + one_of(30);
    for (int i = 0; i < 200; ++i) {
      const double value = static_cast<double>(one_of(ties)) + (one_of(20) == 0 ? 500.0 : 0.0) +
                           (round % 2) * std::sin(i);
      CHECK(next(value) == reference.mark(value));
      if (one_of(10) > 0) continue;
      for (StateEdit& edit : saved()) states = {std::move(edit)};
      if (one_of(2) == 0) states = pipeline->snapshot();
      anomaly(options);
      pipeline->restore(states);
    }
    group.reset();
    arena.reset();
  }
}

TEST_CASE_FIXTURE(AnomalyFixture,
                  "a shorter history keeps the newest, a longer one all; another key none") {
  Anomaly options = of({"t"});
  anomaly(options);
  for (const double value : {90.0, 90.0, 1.0, 2.0, 3.0}) next(value);
  const auto states = saved();
  REQUIRE(states.size() == 1);
  options.history = 3;
  anomaly(options);
  pipeline->restore(states);
  CHECK(next(4) == "1.34898 false");
  options.history = 63;
  anomaly(options);
  pipeline->restore(states);
  CHECK(next(4) == "0.337245 false");
  options.keys = {"k"};
  anomaly(options);
  pipeline->restore(states);
  CHECK(next(4) == "- -");
}

TEST_CASE_FIXTURE(AnomalyFixture, "a state that is damaged is as good as none") {
  anomaly(of({"t"}));
  for (const double value : {1.0, 2.0, 3.0}) next(value);
  const auto states = saved();
  REQUIRE(states.size() == 1);
  for (std::size_t size = 0; size < states[0].value.size(); ++size) {
    anomaly(of({"t"}));
    StateEdit cut = states[0];
    cut.value.resize(size);
    pipeline->restore({cut});
    CHECK(next(4) == "- -");
  }
  for (std::size_t i = 0; i < states[0].value.size(); ++i) {
    anomaly(of({"t"}));
    StateEdit bent = states[0];
    bent.value[i] ^= 0xff;
    pipeline->restore({bent});
    next(4);
  }
}

// The bytes of this version, for ever: an upgrade opens what an older agent stored.
TEST_CASE_FIXTURE(AnomalyFixture, "the stored state has its golden bytes") {
  anomaly(of({"t"}));
  next(Value::int64(1), 1, 9);
  next(Value::float64(-0.5), 2, 9);
  const auto states = saved();
  REQUIRE(states.size() == 1);
  CHECK(hex(states[0].value) ==
        "01f26b3e082f158d5214060100000000000000730701000000000000007407"
        "10000000000000f03f000000000000e0bf00943577000000000900000000000000");
}

TEST_CASE_FIXTURE(AnomalyFixture, "a commit of all keys writes at most 2 MiB") {
  for (const std::size_t history : {std::size_t{3}, std::size_t{31}, std::size_t{63}}) {
    Anomaly options = of({"t"});
    options.history = history;
    options.keys_max = 10;
    anomaly(options);
    for (std::size_t i = 0; i < 2 * history; ++i) next(static_cast<double>(i));
    const auto states = saved();
    REQUIRE(states.size() == 1);
    const std::size_t names = 3 + 1 + 3;  // "s" and "t" in the key.
    CHECK((states[0].value.size() - names + 16) * anomaly_keys_max(history) <= kKeysBytesMax);
  }
}

TEST_CASE_FIXTURE(AnomalyFixture, "in steady state nothing comes from the heap") {
  Anomaly options = of({"t", "u"});
  options.history = 63;
  options.keys = {"k"};
  options.keys_max = 8;
  anomaly(options);
  const auto round = [&] {
    for (int i = 0; i < 100; ++i) {
      for (const char* k : {"a", "b", "c"}) {
        arena.reset();
        group.arena.reset();
        group.computed.reset();
        const Record r =
            record("s", {{"t", Value::int64(i % 7)}, {"u", Value::int64(i)}, {"k", Value::text(k)}},
                   at(++second));
        const std::uint64_t before = kit::heap_calls;
        const auto verdict = pipeline->process(0, r, {}, group).verdict;
        calls += kit::heap_calls - before;
        CHECK(verdict == Pipeline::Verdict::taken);
        if (group.record_count() > 50) group.reset();
      }
    }
    group.reset();
  };
  round();
  (void)saved();
  calls = 0;
  round();
  CHECK(calls == 0);
}

TEST_CASE_FIXTURE(AnomalyFixture, "options that make no sense are refused") {
  const auto refused = [&](Anomaly options) {
    return !Pipeline::make({{"in"}, {{"n", {"in"}, options}}, {{"out", {"n"}}}}, shapes);
  };
  CHECK_FALSE(refused(of({"t"})));
  CHECK(refused(of({})));
  CHECK(refused(of({"a", "a"})));
  CHECK(refused(of({""})));
  Anomaly options = of({"a", "b"});
  SUBCASE("no threshold") { options.threshold = 0; }
  SUBCASE("no number") { options.threshold = NAN; }
  SUBCASE("infinite") { options.threshold = INFINITY; }
  SUBCASE("a spread below 0") { options.least_spread = -1; }
  SUBCASE("a spread that is no number") { options.least_spread = NAN; }
  SUBCASE("no history") { options.history = 2; }
  SUBCASE("a long history") { options.history = 64; }
  SUBCASE("no warm-up") { options.warm_up = 2; }
  SUBCASE("a warm-up without end") { options.warm_up = 6; }
  SUBCASE("no keys") { options.keys_max = 0; }
  SUBCASE("too many keys") { options.keys_max = anomaly_keys_max(5) / 2 + 1; }
  CHECK(refused(options));
  options = of({"a", "b"});
  options.keys_max = anomaly_keys_max(5) / 2;
  CHECK_FALSE(refused(options));
}

}  // namespace
}  // namespace pinaflux
