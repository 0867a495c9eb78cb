#include "platform/base/random.h"

#include <array>

#include <doctest/doctest.h>

#include "platform/base/backoff.h"

using namespace pinaflux;

TEST_CASE("the same seed gives the same numbers for ever") {
  Random random(0);  // Golden: splitmix64 of 0 into xoshiro256**.
  CHECK(random.u64() == 0x99ec5f36cb75f2b4u);
  CHECK(random.u64() == 0xbf6e1f784956452au);
  Random again(0), other(1);
  CHECK(again.u64() == 0x99ec5f36cb75f2b4u);
  CHECK(other.u64() != 0x99ec5f36cb75f2b4u);
}

TEST_CASE("numbers stay within their bounds and reach all of them") {
  Random random(7);
  std::array<int, 5> seen{};
  for (int i = 0; i < 1000; ++i) {
    ++seen.at(random.below(5));
    const std::int64_t n = random.between(std::int64_t{-2}, std::int64_t{2});
    CHECK((n >= -2 && n <= 2));
    const double u = random.unit();
    CHECK((u >= 0 && u < 1));
  }
  for (int count : seen) CHECK(count > 100);
  CHECK(random.below(0) == 0);
  CHECK(random.below(1) == 0);
  CHECK(random.between(std::int64_t{3}, std::int64_t{3}) == 3);
  CHECK(random.between(std::int64_t{3}, std::int64_t{1}) == 3);
  (void)random.between(INT64_MIN, INT64_MAX);
}

TEST_CASE("back-off doubles its bound up to the limit, jitters fully, and starts again on reset") {
  Random random(1);
  Backoff backoff(Duration::seconds(1), Duration::seconds(10));
  Duration bound = Duration::seconds(1), longest{};
  for (int i = 0; i < 200; ++i) {
    const Duration delay = backoff.next(random);
    CHECK(delay >= Duration{0});
    CHECK(delay <= bound);
    longest = delay > longest ? delay : longest;
    bound = bound * 2 < Duration::seconds(10) ? bound * 2 : Duration::seconds(10);
  }
  CHECK(backoff.tries() == 200);
  CHECK(longest > Duration::seconds(8));
  backoff.reset();
  CHECK(backoff.tries() == 0);
  CHECK(backoff.next(random) <= Duration::seconds(1));
}

TEST_CASE("back-off without a limit does not overflow") {
  Random random(1);
  Backoff backoff(Duration::days(365), Duration::max());
  for (int i = 0; i < 100; ++i) CHECK(backoff.next(random) >= Duration{0});
}
