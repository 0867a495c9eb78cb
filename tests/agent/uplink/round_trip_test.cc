#include "agent/uplink/round_trip.h"

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

constexpr Duration kUnknown = Duration::seconds(30);

TEST_CASE("an ack is late once it takes longer than they do, and four times what they vary by") {
  RoundTrip way;
  CHECK(way.late_after(kUnknown) == kUnknown);
  way.measured(Duration::seconds(8));
  CHECK(way.late_after(kUnknown) == Duration::seconds(8 + 4 * 4));
  for (int i = 0; i < 100; ++i) way.measured(Duration::seconds(8));
  CHECK(way.late_after(kUnknown) < Duration::milliseconds(8'001));
  way.measured(Duration::seconds(16));
  const Duration late = way.late_after(kUnknown);
  CHECK(late > Duration::milliseconds(16'999));
  CHECK(late < Duration::milliseconds(17'001));
}

TEST_CASE("a slow way is waited for longer than was configured; a fast one, five seconds") {
  RoundTrip slow, fast;
  slow.measured(Duration::seconds(60));
  CHECK(slow.late_after(kUnknown) == Duration::seconds(180));
  fast.measured(Duration::milliseconds(3));
  CHECK(fast.late_after(kUnknown) == RoundTrip::kLateLeast);
  CHECK(fast.late_after(Duration::seconds(1)) == Duration::seconds(1));
}

}  // namespace
}  // namespace pinaflux
