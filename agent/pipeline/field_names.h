// Field names: what lists of them in a node's options must be.
//
// Threads    Pure function; any.
// Tests      tests/agent/pipeline/cast_test.cc, change_rate_test.cc
#pragma once

#include <algorithm>
#include <ranges>

namespace pinaflux {

// No name is empty, and none is there twice. Of short lists.
template <std::ranges::forward_range Names>
bool are_distinct(const Names& names) {
  for (auto at = names.begin(); at != names.end(); ++at) {
    if ((*at).empty() || std::find(std::next(at), names.end(), *at) != names.end()) return false;
  }
  return true;
}

}  // namespace pinaflux
