#include "agent/uplink/window.h"

#include <vector>

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

std::vector<int> shared(std::size_t free, const std::vector<LaneDemand>& lanes) {
  const auto shares = share_places(free, lanes);
  return {shares.begin(), shares.begin() + static_cast<std::ptrdiff_t>(lanes.size())};
}

TEST_CASE("the window begins with four on each connection, and doubles while all is well") {
  Window window(16);
  for (int connection = 0; connection < 2; ++connection) {
    for (const std::size_t size : {4u, 8u, 16u, 16u}) {
      CHECK(window.size() == size);
      window.acked(window.size(), 16);
    }
    window.begin();
  }
  window.halve();
  window.begin();
  CHECK(window.size() == 2);
}

TEST_CASE("the window halves to one and grows by one for each window acknowledged") {
  Window window(8);
  window.acked(4, 16);
  for (const std::size_t size : {4u, 2u, 1u, 1u}) {
    window.halve();
    CHECK(window.size() == size);
  }
  window.acked(1, 16);
  CHECK(window.size() == 2);
  window.acked(1, 16);
  CHECK(window.size() == 2);
  window.acked(1, 16);
  CHECK(window.size() == 3);
}

TEST_CASE(
    "where acks wait behind others, the window is what may wait a second, or as long as the way "
    "takes") {
  const auto ms = [](int n) { return Duration::milliseconds(n); };
  Window window(16);
  window.measured(ms(200), 0);
  window.measured(ms(1'200), 9);
  window.acked(16, 16);
  CHECK(window.size() == 16);
  window.measured(ms(2'200), 15);
  window.acked(16, 16);
  CHECK(window.size() == 1 + 7);
  window.measured(ms(2'200), 15);
  window.measured(ms(1'300), 9);  // The same way; it says no less.
  CHECK(window.size() == 8);
  window.measured(ms(1'100), 7);
  window.acked(8, 16);
  CHECK(window.size() == 9);
  Window slow(16);
  slow.acked(16, 16);
  slow.measured(ms(5'000), 0);
  slow.measured(ms(10'000), 15);
  CHECK(slow.size() == 16);
  slow.measured(ms(15'000), 15);
  CHECK(slow.size() == 1 + 7);
}

TEST_CASE("what was alone in flight says how fast the way is now") {
  Window window(4);
  window.measured(Duration::milliseconds(200), 0);
  window.measured(Duration::seconds(40), 3);
  CHECK(window.size() == 1);
  window.acked(10, 16);
  CHECK(window.size() == 1);
  window.measured(Duration::seconds(9), 0);
  window.acked(1, 16);
  CHECK(window.size() == 2);
  window.measured(Duration::seconds(10), 1);
  window.acked(2, 16);
  CHECK(window.size() == 3);
  window.begin();
  window.measured(Duration::seconds(30), 2);
  window.acked(3, 16);
  CHECK(window.size() == 4);
}

TEST_CASE("what of the window is not used does not grow") {
  Window window(16);
  for (int i = 0; i < 20; ++i) window.acked(1, 1);
  CHECK(window.size() == 4);
  window.acked(2, 2);
  CHECK(window.size() == 6);
  window.acked(1, 2);
  CHECK(window.size() == 6);
}

TEST_CASE("the window keeps to the limits, whatever was configured") {
  CHECK(Window(0).size() == 1);
  Window large(100'000);
  large.acked(100'000, 16);
  CHECK(large.size() == limits::kWindowMax);
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
