#include "agent/agent/sent_lanes.h"

#include <algorithm>

namespace pinaflux {

std::vector<UplinkOptions::Lane> sent_lanes(const std::vector<UplinkOptions::Lane>& configured,
                                            const std::vector<LaneState>& kept) {
  std::vector<UplinkOptions::Lane> all;
  for (const LaneState& lane : kept) {
    const auto its = std::ranges::find(configured, lane.name, &UplinkOptions::Lane::name);
    auto& added = all.emplace_back(its == configured.end() ? UplinkOptions::Lane{} : *its);
    added.name = lane.name;
    added.gateway = lane.gateway;
  }
  return all;
}

}  // namespace pinaflux
