#include "agent/spool/leased.h"

#include <algorithm>

namespace pinaflux {

void Leased::add(const Range& range) {
  Range joined = range;
  const auto touches = [&](const Range& r) {
    return r.first <= joined.last + 1 && joined.first <= r.last + 1;
  };
  for (const Range& r : ranges_) {
    if (touches(r)) joined = {std::min(r.first, joined.first), std::max(r.last, joined.last)};
  }
  std::erase_if(ranges_, touches);
  ranges_.insert(std::ranges::upper_bound(ranges_, joined.first, {}, &Range::first), joined);
}

void Leased::forget_up_to(std::uint64_t seq) {
  std::erase_if(ranges_, [&](const Range& r) { return r.last <= seq; });
  if (!ranges_.empty()) ranges_.front().first = std::max(ranges_.front().first, seq + 1);
}

std::uint64_t Leased::first_free(std::uint64_t from) const {
  for (const Range& r : ranges_) {
    if (r.first <= from && from <= r.last) return r.last + 1;
  }
  return from;
}

std::uint64_t Leased::last_free(std::uint64_t to) const {
  for (const Range& r : ranges_) {
    if (r.first <= to && to <= r.last) return r.first - 1;
  }
  return to;
}

}  // namespace pinaflux
