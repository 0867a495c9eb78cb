#include "agent/uplink/window.h"

namespace pinaflux {

std::array<std::uint16_t, limits::kLanesMax> share_places(std::size_t free,
                                                          std::span<const LaneDemand> lanes) {
  std::array<std::uint16_t, limits::kLanesMax> shares{};
  if (free == 0) return shares;
  std::size_t open = 0, busy = 0;
  for (const LaneDemand& lane : lanes) {
    open += lane.open ? 1 : 0;
    busy += lane.open && lane.busy ? 1 : 0;
  }
  std::size_t rest = free > open ? free - open : 0;
  std::size_t sharing = busy > 0 ? busy : open;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if (!lanes[i].open) continue;
    std::size_t places = 1;
    if (busy == 0 || lanes[i].busy) {
      const std::size_t part = (rest + sharing - 1) / std::max<std::size_t>(1, sharing);
      places += part;
      rest -= part;
      --sharing;
    }
    shares[i] = static_cast<std::uint16_t>(places);
  }
  return shares;
}

}  // namespace pinaflux
