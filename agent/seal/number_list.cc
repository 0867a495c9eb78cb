#include "agent/seal/number_list.h"

#include <algorithm>
#include <bit>

namespace pinaflux::seal {

namespace {

constexpr std::size_t kRepeats = 2;    // Values for each number, at least.
constexpr unsigned kLookedAtMax = 64;  // Slots. Hostile numbers may collide: then there is no list.

}  // namespace

// Numbers in the order in which they are met; each value's number to places_.
bool NumberList::find(std::span<const std::uint64_t> values) {
  numbers_.clear();
  places_.resize(values.size());
  slots_.assign(std::bit_ceil(values.size()), 0);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::size_t at = (values[i] * 0x9e3779b97f4a7c15) >> 32 & mask;
    unsigned probes = 0;
    while (slots_[at] != 0 && numbers_[slots_[at] - 1] != values[i]) {
      if (++probes > kLookedAtMax) return false;
      at = (at + 1) & mask;
    }
    if (slots_[at] == 0) {
      if ((numbers_.size() + 1) * kRepeats > values.size()) return false;
      numbers_.push_back(values[i]);
      slots_[at] = static_cast<std::uint32_t>(numbers_.size());
    }
    places_[i] = slots_[at] - 1;
  }
  return numbers_.size() > 1;
}

bool NumberList::take(std::span<const std::uint64_t> values) {
  if (values.size() > kValuesMax || !find(values)) return false;
  sorted_.clear();
  for (const std::uint64_t v : numbers_)
    sorted_.emplace_back(static_cast<std::int64_t>(v), static_cast<std::uint32_t>(sorted_.size()));
  std::ranges::sort(sorted_);
  place_of_.resize(numbers_.size());
  for (std::size_t place = 0; place < sorted_.size(); ++place) {
    numbers_[place] = static_cast<std::uint64_t>(sorted_[place].first);
    place_of_[sorted_[place].second] = static_cast<std::uint32_t>(place);
  }
  for (std::uint64_t& place : places_) place = place_of_[static_cast<std::size_t>(place)];
  return true;
}

}  // namespace pinaflux::seal
