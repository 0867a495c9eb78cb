#include "agent/seal/parts.h"

#include <algorithm>
#include <array>

namespace pinaflux {

namespace {

constexpr std::array<std::string_view, kPartCount> kNames = {
    "code",  "prefix", "previous",   "reference", "both",     "unit",    "zigzag",
    "delta", "delta2", "offset",     "key",       "list",     "varints", "runs",
    "bits",  "sparse", "dictionary", "decimals",  "shortest", "floats",  "steps"};

}  // namespace

std::string_view part_name(Part part) { return kNames[static_cast<std::size_t>(part)]; }

std::optional<Part> part_of(std::string_view name) {
  const auto at = std::ranges::find(kNames, name);
  if (at == kNames.end()) return std::nullopt;
  return static_cast<Part>(at - kNames.begin());
}

}  // namespace pinaflux
