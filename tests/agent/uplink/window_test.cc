#include "agent/uplink/window.h"

#include <vector>

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

std::vector<int> shared(std::size_t free, const std::vector<LaneDemand>& lanes) {
  const auto shares = share_places(free, lanes);
  return {shares.begin(), shares.begin() + static_cast<std::ptrdiff_t>(lanes.size())};
}

TEST_CASE("the window halves to one and grows by one for each window acknowledged") {
  Window window(8);
  CHECK(window.size() == 8);
  window.acked(100);
  CHECK(window.size() == 8);
  for (const std::size_t size : {4u, 2u, 1u, 1u}) {
    window.halve();
    CHECK(window.size() == size);
  }
  window.acked(1);
  CHECK(window.size() == 2);
  window.acked(1);
  CHECK(window.size() == 2);
  window.acked(1);
  CHECK(window.size() == 3);
}

TEST_CASE(
    "where acks wait behind others, the window shrinks a quarter each round trip, and stays") {
  Window window(16);
  const auto at = [](int ms) { return Instant{} + Duration::milliseconds(ms); };
  const auto ms = [](int n) { return Duration::milliseconds(n); };
  window.measured(ms(200), at(0), at(200));
  window.acked(1);
  window.measured(ms(1'200), at(200), at(1'400));
  window.acked(100);
  CHECK(window.size() == 16);
  window.measured(ms(1'300), at(300), at(1'600));
  window.acked(100);
  CHECK(window.size() == 12);
  window.measured(ms(1'500), at(400), at(1'900));
  CHECK(window.size() == 12);
  window.measured(ms(1'500), at(1'700), at(3'200));
  CHECK(window.size() == 9);
  window.measured(ms(900), at(3'300), at(4'200));
  window.acked(9);
  CHECK(window.size() == 10);
}

TEST_CASE("what was alone in its window says how fast the way is now") {
  Window window(2);
  const auto at = [](int s) { return Instant{} + Duration::seconds(s); };
  window.measured(Duration::milliseconds(200), at(0), at(1));
  window.measured(Duration::seconds(4), at(1), at(5));
  CHECK(window.size() == 1);
  window.acked(10);
  CHECK(window.size() == 1);
  window.measured(Duration::seconds(4), at(5), at(9));
  window.acked(1);
  CHECK(window.size() == 2);
  window.measured(Duration::seconds(7), at(9), at(16));
  CHECK(window.size() == 2);
  window.measured(Duration::seconds(9), at(16), at(25));
  CHECK(window.size() == 1);
  window.begin();
  window.measured(Duration::seconds(9), at(25), at(34));
  window.acked(1);
  CHECK(window.size() == 2);
}

TEST_CASE("the window keeps to the limits, whatever was configured") {
  CHECK(Window(0).size() == 1);
  CHECK(Window(100'000).size() == limits::kWindowMax);
}

TEST_CASE("places are shared: one for each open lane, the rest for the busy ones") {
  using Shares = std::vector<int>;
  CHECK(shared(0, {{true, true}}) == Shares{0});
  CHECK(shared(1, {{true, false}, {true, false}}) == Shares{1, 1});
  CHECK(shared(16, {{true, false}, {true, false}, {true, false}}) == Shares{6, 5, 5});
  CHECK(shared(11, {{true, false}, {true, true}, {true, false}}) == Shares{1, 9, 1});
  CHECK(shared(4, {{false, true}, {true, false}}) == Shares{0, 4});
}

TEST_CASE("the busy lanes of the highest priority get the rest, beside the others' shares") {
  using Shares = std::vector<int>;
  const LaneDemand high{.open = true, .busy = true, .priority = 5};
  const LaneDemand low{.open = true, .busy = true};
  LaneDemand kept = low;
  kept.share = 25;
  CHECK(shared(12, {high, low}) == Shares{11, 1});
  CHECK(shared(13, {low, high, high}) == Shares{1, 6, 6});
  CHECK(shared(22, {high, kept}) == Shares{16, 6});
  CHECK(shared(12, {{.open = true, .busy = false, .priority = 9}, low}) == Shares{1, 11});
}

}  // namespace
}  // namespace pinaflux
