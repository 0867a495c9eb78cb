#include "agent/pipeline/statistics.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include <doctest/doctest.h>

#include "platform/base/random.h"

namespace pinaflux {
namespace {

TEST_CASE(
    "a percentile is within 2 % of the value with that rank, whatever the order and the split") {
  Random random(1);
  int negative = 0, other = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<double> values;
    const double spread = random.unit() * 2.0;  // Within a factor of 100.
    for (std::size_t i = 0, n = 1 + random.below(300); i < n; ++i) {
      const double x = std::pow(10.0, (random.unit() - 0.5) * spread);
      values.push_back(round % 3 == 0 && random.one_in(2) ? -x : random.one_in(50) ? 0.0 : x);
    }
    Sketch all, a, b;
    for (std::size_t i = 0; i < values.size(); ++i) {
      all.add(values[i]);
      (i % 3 == 0 ? a : b).add(values[values.size() - 1 - i]);
    }
    b.merge(a);
    std::ranges::sort(values);
    std::set<double> bins;
    for (std::size_t i = 0; i < values.size(); ++i) {
      Sketch one;
      one.add(values[i]);
      bins.insert(one.percentile(50));
    }
    for (unsigned percent = 1; percent < 100; ++percent) {
      const double exact = values[percent * (values.size() - 1) / 100];
      CHECK(all.percentile(percent) == b.percentile(percent));
      if (bins.size() <= Sketch::kBinsMax)
        CHECK(std::abs(all.percentile(percent) - exact) <= std::abs(exact) * 0.0200001);
    }
    (bins.size() <= Sketch::kBinsMax && values.front() < 0 ? negative : other) += 1;
  }
  CHECK(negative > 20);
  CHECK(other > 100);
}

TEST_CASE("the rank of a percentile is exact") {
  Sketch sketch;
  for (int i = 0; i <= 100; ++i) sketch.add(std::pow(1.1, i - 50));
  for (unsigned percent = 1; percent < 100; ++percent) {
    const double exact = std::pow(1.1, static_cast<int>(percent) - 50);
    CHECK(std::abs(sketch.percentile(percent) / exact - 1.0) < 0.0200001);
  }
}

TEST_CASE("a sketch of more than 128 bins keeps its highest ones, in whatever order they come") {
  std::vector<double> values;
  for (int i = 0; i < 1'000; ++i) values.push_back(std::pow(1.02, i));
  Sketch up, down;
  for (double x : values) up.add(x);
  std::ranges::reverse(values);
  for (double x : values) down.add(x);
  for (unsigned percent = 1; percent < 100; ++percent) {
    CHECK(up.percentile(percent) == down.percentile(percent));
  }
  CHECK(std::abs(up.percentile(99) / std::pow(1.02, 989) - 1.0) < 0.0200001);
  CHECK(up.percentile(1) > std::pow(1.02, 600));
}

TEST_CASE("a sum does not depend on the order of its terms, and integers are summed exactly") {
  Random random(3);
  for (int round = 0; round < 500; ++round) {
    std::vector<double> terms;
    for (int i = 0; i < 50; ++i) {
      const double x = std::ldexp(random.unit(), static_cast<int>(random.between(0, 40)));
      terms.push_back(x);
      if (i % 2 == 0) terms.push_back(-x);
    }
    WideSum up, down, parts[3];
    for (double x : terms) up.add(WideSum::of(x));
    std::ranges::reverse(terms);
    for (double x : terms) down.add(WideSum::of(x));
    for (std::size_t i = 0; i < terms.size(); ++i) parts[i % 3].add(WideSum::of(terms[i]));
    parts[1].add(parts[2]);
    parts[0].add(parts[1]);
    CHECK(up.value() == down.value());
    CHECK(up.value() == parts[0].value());
  }
  WideSum large = WideSum::of(INT64_MAX);
  large.add(WideSum::of(std::int64_t{-1}));
  large.add(WideSum::of(std::int64_t{-INT64_MAX}));
  CHECK(large.value() == -1.0);
  CHECK(WideSum::of(std::uint64_t{UINT64_MAX}) == WideSum{0x1p64, -1.0});
}

TEST_CASE("names of statistics") {
  CHECK(Statistic::parse("mean")->kind == Statistic::Kind::mean);
  CHECK(Statistic::parse("p7")->percent == 7);
  CHECK(Statistic::parse("p99")->percent == 99);
  for (const char* name : {"", "p", "p0", "p07", "p100", "p5x", "Mean", "median"}) {
    CHECK_FALSE(Statistic::parse(name).has_value());
  }
}

}  // namespace
}  // namespace pinaflux
