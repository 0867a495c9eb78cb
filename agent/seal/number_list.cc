#include "agent/seal/number_list.h"

#include <algorithm>
#include <bit>
#include <numeric>

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
      slots_[at] = static_cast<std::uint16_t>(numbers_.size());
    }
    places_[i] = slots_[at] - 1u;
  }
  return numbers_.size() > 1;
}

bool NumberList::take(std::span<const std::uint64_t> values) {
  if (values.size() > kValuesMax || !find(values)) return false;
  const auto less = [](std::uint64_t a, std::uint64_t b) {
    return static_cast<std::int64_t>(a) < static_cast<std::int64_t>(b);
  };
  order_.resize(numbers_.size());
  std::iota(order_.begin(), order_.end(), std::uint16_t{0});
  std::ranges::sort(order_, less, [this](std::uint16_t n) { return numbers_[n]; });
  std::ranges::sort(numbers_, less);
  place_of_.resize(numbers_.size());
  for (std::size_t place = 0; place < order_.size(); ++place)
    place_of_[order_[place]] = static_cast<std::uint16_t>(place);
  for (std::uint64_t& place : places_) place = place_of_[static_cast<std::size_t>(place)];
  return true;
}

}  // namespace pinaflux::seal
