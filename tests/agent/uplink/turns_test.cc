#include "agent/uplink/turns.h"

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

// What each of the lanes, always ready, has sent after so many envelopes of 1,000 bytes.
std::vector<int> sent(const std::vector<Turns::Terms>& lanes, int envelopes) {
  Turns turns(lanes);
  std::vector<int> counts(lanes.size());
  for (int i = 0; i < envelopes; ++i) {
    const auto next = turns.next([](std::size_t) { return true; });
    REQUIRE(next.has_value());
    turns.sent(*next, 1'000);
    ++counts[*next];
  }
  return counts;
}

using Counts = std::vector<int>;

TEST_CASE("lanes that are alike take turns") {
  CHECK(sent({{}, {}, {}}, 300) == Counts{100, 100, 100});
}

TEST_CASE("the highest priority goes first") {
  CHECK(sent({{.priority = 1}, {.priority = 2}, {}}, 50) == Counts{0, 50, 0});
}

TEST_CASE("a share is kept whatever the priority of the others") {
  const auto counts = sent({{.priority = 9}, {.share = 20}, {.share = 10}}, 10'000);
  CHECK(counts[0] == doctest::Approx(7'000).epsilon(0.01));
  CHECK(counts[1] == doctest::Approx(2'000).epsilon(0.01));
  CHECK(counts[2] == doctest::Approx(1'000).epsilon(0.01));
}

TEST_CASE("a lane that is not ready is passed over, and none is better than that") {
  Turns turns({{.priority = 5}, {}});
  CHECK(turns.next([](std::size_t lane) { return lane == 1; }) == 1);
  CHECK_FALSE(turns.next([](std::size_t) { return false; }).has_value());
}

}  // namespace
}  // namespace pinaflux
