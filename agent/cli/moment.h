// Moments on a command line.
//
// Threads    Pure function; any.
// Tests      tests/agent/cli/moment_test.cc
#pragma once

#include <optional>
#include <string_view>

#include "platform/base/time.h"

namespace pinaflux {

// "2026-11-26", "2026-11-26T05:00:00Z" (UTC both), or so long before `now`: "90s", "30m", "36h", "7d".
std::optional<WallTime> parse_moment(std::string_view text, WallTime now);

}  // namespace pinaflux
