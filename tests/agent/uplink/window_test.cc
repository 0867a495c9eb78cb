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
