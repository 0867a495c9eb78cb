#include "agent/agent/sent_lanes.h"

#include <algorithm>
#include <utility>

namespace pinaflux {

namespace {

const UplinkOptions::Lane* terms_of(const UplinkOptions& uplink, const std::string& name) {
  const auto at = std::ranges::find(uplink.lanes, name, &UplinkOptions::Lane::name);
  return at == uplink.lanes.end() ? nullptr : &*at;
}

}  // namespace

std::vector<Uplinks::Part> sent_lanes(const std::vector<UplinkOptions>& configured,
                                      const std::vector<LaneState>& kept) {
  std::vector<Uplinks::Part> parts;
  for (const UplinkOptions& uplink : configured) {
    parts.push_back({.options = uplink, .lanes = {}});
    parts.back().options.lanes.clear();
  }
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (kept[i].kept) continue;
    std::size_t part = 0;
    const UplinkOptions::Lane* terms = nullptr;
    for (std::size_t p = 0; p < configured.size() && terms == nullptr; ++p) {
      terms = terms_of(configured[p], kept[i].name);
      if (terms != nullptr) part = p;
    }
    auto& lane =
        parts[part].options.lanes.emplace_back(terms == nullptr ? UplinkOptions::Lane{} : *terms);
    lane.name = kept[i].name;
    lane.gateway = kept[i].gateway;
    parts[part].lanes.push_back(static_cast<LaneIndex>(i));
  }
  return parts;
}

Status prove(std::vector<Uplinks::Part>& parts, const Vault& vault, Entropy& entropy,
             std::string& which) {
  for (Uplinks::Part& part : parts) {
    auto proof = LinkProof::make(
        part.options.keys, vault, [&entropy](MutableBytes bytes) { entropy.fill(bytes); }, which);
    if (!proof) return std::unexpected(proof.error());
    part.proof = std::move(*proof);
  }
  return {};
}

}  // namespace pinaflux
