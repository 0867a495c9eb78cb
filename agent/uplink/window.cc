#include "agent/uplink/window.h"

#include <limits>

namespace pinaflux {

namespace {

// What an alarm may wait behind others, on a link that is fast; on a slow one, as long as it takes anyhow.
constexpr Duration kQueueGood = Duration::seconds(1);

}  // namespace

// What was alone has waited behind none of ours: as fast as that is the way now.
void Window::measured(Duration round_trip, std::size_t ahead) {
  fastest_ = ahead == 0 ? round_trip : std::min(fastest_, round_trip);
  const Duration queued = round_trip - fastest_, good = std::max(kQueueGood, fastest_);
  crowded_ = queued > good;
  if (!crowded_) return;
  starting_ = false;
  const auto part = static_cast<double>(good.ns) / static_cast<double>(queued.ns);
  const auto may_wait = static_cast<std::size_t>(static_cast<double>(ahead) * part);
  size_ = std::min(size_, 1 + may_wait);
  acked_ = 0;
}

std::array<std::uint16_t, limits::kLanesMax> share_places(std::size_t free,
                                                          std::span<const LaneDemand> lanes) {
  std::array<std::uint16_t, limits::kLanesMax> shares{};
  if (free == 0) return shares;
  const auto is_open = [](const LaneDemand& lane) { return lane.open; };
  const bool any_busy =
      std::ranges::any_of(lanes, [](const LaneDemand& lane) { return lane.open && lane.busy; });
  const auto wants = [&](const LaneDemand& lane) { return lane.open && (lane.busy || !any_busy); };
  const auto open = static_cast<std::size_t>(std::ranges::count_if(lanes, is_open));
  const std::size_t more = free > open ? free - open : 0;
  std::size_t rest = more;
  int highest = std::numeric_limits<int>::min();
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if (!lanes[i].open) continue;
    shares[i] = 1;
    if (!wants(lanes[i])) continue;
    highest = std::max(highest, lanes[i].priority);
    const std::size_t part = std::min(rest, more * lanes[i].share / 100);
    shares[i] = static_cast<std::uint16_t>(1 + part);
    rest -= part;
  }
  const auto first = [&](const LaneDemand& lane) {
    return wants(lane) && lane.priority == highest;
  };
  auto sharing = static_cast<std::size_t>(std::ranges::count_if(lanes, first));
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if (!first(lanes[i])) continue;
    const std::size_t part = (rest + sharing - 1) / sharing;
    shares[i] = static_cast<std::uint16_t>(shares[i] + part);
    rest -= part;
    --sharing;
  }
  return shares;
}

}  // namespace pinaflux
