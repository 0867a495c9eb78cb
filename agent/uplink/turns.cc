#include "agent/uplink/turns.h"

#include <algorithm>
#include <tuple>

namespace pinaflux {

namespace {
constexpr double kLately = 4.0 * 1024 * 1024;
}  // namespace

// Bytes that its share would have given it beyond what it got.
double Turns::owed(std::size_t lane) const {
  return std::max(0.0, bytes_ * terms_[lane].share / 100 - lanes_[lane].bytes);
}

std::optional<std::size_t> Turns::next(const std::function<bool(std::size_t)>& ready) const {
  const auto rank = [this](std::size_t lane) {
    return std::tuple(owed(lane), terms_[lane].priority, ~lanes_[lane].turn);
  };
  std::optional<std::size_t> best;
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    if (!ready(lane)) continue;
    if (!best || rank(lane) > rank(*best)) best = lane;
  }
  return best;
}

void Turns::sent(std::size_t lane, std::uint64_t bytes) {
  lanes_[lane].turn = ++turn_;
  lanes_[lane].bytes += static_cast<double>(bytes);
  bytes_ += static_cast<double>(bytes);
  if (bytes_ < kLately) return;
  bytes_ /= 2;
  for (Lane& each : lanes_) each.bytes /= 2;
}

}  // namespace pinaflux
