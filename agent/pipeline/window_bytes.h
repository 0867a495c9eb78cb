// What the state of a window node takes in the spool, and so how many keys it may have.
//
// Threads    Any.
// Tests      tests/agent/pipeline/window_state_test.cc, tests/agent/config/bad/window_*
#pragma once

#include <cstddef>

#include "agent/pipeline/pipeline.h"

namespace pinaflux {

// What is stored of a window node, at most, names of keys not counted.
inline constexpr std::size_t kWindowBytesMax = 8 << 20;
// What one commit writes of it: a pane of each key.
inline constexpr std::size_t kWindowCommitBytesMax = 2 << 20;
// `every`, where no length is given.
std::int64_t window_length(const TimeWindow& window);
// Of one pane; up to 2 million records in it.
std::size_t window_pane_bytes(const TimeWindow& window);
// keys_max may be that much.
std::size_t window_keys_fit(const TimeWindow& window);

}  // namespace pinaflux
