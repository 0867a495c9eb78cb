#include "agent/pipeline/time_mean.h"

#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>

#include "platform/base/random.h"
#include "tests/agent/pipeline/window_kit.h"

namespace pinaflux {
namespace {

struct TimeMeanFixture : WindowFixture {
  static TimeWindow timed(std::int64_t lateness = 0) {
    TimeWindow w = minute({"time_mean"});
    w.lateness = Duration::seconds(lateness);
    return w;
  }
};

TEST_CASE_FIXTURE(TimeMeanFixture, "a value holds until the next, and over the window's begin") {
  make(NodeKind(timed()));
  take(reading(10, 30));
  take(reading(40, 50));  // 20 s of 10, 10 s of 40.
  take(reading(0, 75));   // 15 s of 40, 45 s of 0.
  take(reading(6, 120));
  CHECK(drained() == Lines{"0: 20", "60: 10"});
}

TEST_CASE_FIXTURE(TimeMeanFixture, "a value holds over windows in which nothing came") {
  make(NodeKind(timed()));
  take(reading(10, 0));
  take(reading(70, 6'050));
  take(reading(0, 7'000));
  CHECK(drained() == Lines{"0: 10", "6000: 20"});
}

TEST_CASE_FIXTURE(TimeMeanFixture, "without a value the one from before holds, or there is none") {
  TimeWindow w = timed();
  w.give = {"mean", "time_mean"};
  make(NodeKind(w));
  const auto without = [&](std::int64_t second) {
    take(record("s", {{"other", Value::int64(1)}}, at(second)));
  };
  without(5);
  take(reading(10, 70));
  without(130);
  take(reading(10, 190));
  CHECK(drained() == Lines{"0: - -", "60: 10 10", "120: - 10"});
}

TEST_CASE_FIXTURE(TimeMeanFixture, "a session ends with its last record, which holds for no time") {
  TimeWindow w = timed();
  w.every = {};
  w.gap = Duration::seconds(10);
  make(NodeKind(w));
  take(reading(10, 0));
  take(reading(30, 6));
  take(reading(99, 8));
  take(reading(7, 100));
  take(reading(5, 200));
  CHECK(drained() == Lines{"0: 15", "100: 7"});
}

TEST_CASE_FIXTURE(TimeMeanFixture, "a sliding window begins with what held before it") {
  TimeWindow w = timed();
  w.length = Duration::seconds(120);
  make(NodeKind(w));
  take(reading(10, 0));
  take(reading(40, 90));
  take(reading(0, 150));
  take(reading(0, 300));
  // [-60, 60): from 0 on. [60, 180): 30 s of 10, 60 s of 40, 30 s of 0.
  CHECK(drained() == Lines{"-60: 10", "0: 17.5", "60: 22.5", "120: 10"});
}

TEST_CASE_FIXTURE(TimeMeanFixture,
                  "what is older than the watermark has no part, though its window is open") {
  TimeWindow w = timed(5);
  w.give = {"sum", "time_mean"};
  make(NodeKind(w));
  take(reading(10, 0));
  take(reading(20, 30));
  take(reading(50, 25));  // At the watermark.
  take(reading(1'000, 24));
  take(reading(0, 65));
  // 25 s of 10, 5 s of 50, 30 s of 20.
  CHECK(drained() == Lines{"0: 1080 18.3333"});
}

TEST_CASE_FIXTURE(TimeMeanFixture, "of two values at one time the larger holds") {
  for (const auto& [a, b] : {std::pair{1, 7}, std::pair{7, 1}}) {
    make(NodeKind(timed()));
    take(reading(a, 0));
    take(reading(b, 0));
    take(reading(0, 60));
    CHECK(drained() == Lines{"0: 7"});
  }
}

TEST_CASE_FIXTURE(TimeMeanFixture, "what held before is known after a crash") {
  make(NodeKind(timed()));
  take(reading(10, 0));
  take(reading(10, 60));
  CHECK(drained() == Lines{"0: 10"});
  take(reading(0, 130));
  CHECK(drained() == Lines{"60: 10"});
  make_again(timed());
  take(reading(0, 180));
  CHECK(drained() == Lines{"120: 1.66667"});
}

TEST_CASE_FIXTURE(TimeMeanFixture, "a key that was forgotten begins anew") {
  TimeWindow w = timed();
  w.keys_max = 1;
  make(NodeKind(w));
  take(reading(10, 0));
  take(reading(10, 60));
  CHECK(drained() == Lines{"0: 10"});
  take(record("other", {{"t", Value::int64(1)}}, at(70)));
  CHECK(drained() == Lines{"60: 10"});
  take(reading(40, 150));
  CHECK(drained() == Lines{"60: 1"});
  take(reading(40, 180));
  CHECK(drained() == Lines{"120: 40"});
}

TEST_CASE(
    "more samples than are kept are settled: exact in order, and what comes behind is passed "
    "over") {
  TimeMean mean;
  for (std::int64_t i = 0; i < 1'000; ++i) mean.add(static_cast<double>(i), i, INT64_MIN);
  CHECK(*mean.mean(0, 1'000, NAN) == 499.5);
  mean.add(1e6, 1'000 - 65, INT64_MIN);  // The last of the settled ones.
  CHECK(*mean.mean(0, 1'000, NAN) == 499.5);
  mean.add(1'936, 1'000 - 64, INT64_MIN);
  CHECK(*mean.mean(0, 1'000, NAN) == 500.5);
}

TEST_CASE("infinities, extremes and large numbers") {
  TimeMean mean;
  CHECK_FALSE(mean.mean(0, 10, NAN));
  CHECK(*mean.mean(0, 10, 3.0) == 3.0);
  mean.add(INFINITY, 10, INT64_MIN);
  CHECK(*mean.mean(0, 10, 3.0) == 3.0);
  CHECK(*mean.mean(0, 11, 3.0) == INFINITY);
  CHECK(*mean.mean(0, 20, 3.0) == INFINITY);
  mean.add(-INFINITY, 20, INT64_MIN);
  mean.add(1.0, 30, INT64_MIN);
  CHECK(std::isnan(*mean.mean(0, 40, 3.0)));
  mean.reset();
  mean.add(1e288, INT64_MIN + 1, INT64_MIN);
  CHECK(*mean.mean(INT64_MIN + 1, INT64_MAX, NAN) == doctest::Approx(1e288));
  mean.add(0.1, 0, INT64_MIN);
  CHECK(mean.last() == 0.1);
  mean.reset();
  mean.add(0.1, -1'000'000'007'000'000'000, INT64_MIN);
  mean.add(0.1, 3, INT64_MIN);
  CHECK(*mean.mean(-4'000'000'000'000'000'001, 4'000'000'000'000'000'003, 0.1) == 0.1);
}

TEST_CASE("paths that are put together say what one path says, through its bytes") {
  Random random(3);
  for (int round = 0; round < 2'000; ++round) {
    TimeMean whole, parts;
    std::int64_t time = 0;
    for (std::size_t part = 0; part < 4; ++part) {
      TimeMean one;
      const std::size_t count = random.below(90);
      for (std::size_t i = 0; i < count; ++i) {
        time += random.between(1, 1'000'000'000'000);
        const double x = static_cast<double>(random.between(-1'000'000, 1'000'000)) / 64.0;
        const std::int64_t watermark = random.one_in(3) ? time : INT64_MIN;
        whole.add(x, time, watermark);
        one.add(x, time, watermark);
      }
      Buffer bytes;
      Writer to(bytes);
      one.encode(to);
      CHECK(bytes.size() <= TimeMean::bytes_max(TimeMean::kSamplesMax));
      Reader from(bytes);
      TimeMean read;
      REQUIRE(read.decode(from));
      CHECK(from.left() == 0);
      parts.merge(read);
    }
    const auto expected = whole.mean(0, time + 5, NAN), got = parts.mean(0, time + 5, NAN);
    REQUIRE(expected.has_value() == got.has_value());
    if (expected) REQUIRE(*expected == *got);
    CHECK((std::isnan(whole.last()) ? std::isnan(parts.last()) : whole.last() == parts.last()));
  }
}

}  // namespace
}  // namespace pinaflux
