// Coarse time: times moved back to the beginning of their second, minute, hour, day or another even part of a day.
//
// Promise    False: it is no time that is understood, and nothing was done. A number outside of the years 1990 to
//            2199 in its unit is none: it would be another unit, and hardly coarser.
// Source     RFC 3339, and ISO 8601's extended format without an offset, without seconds, or the date alone.
// Threads    Pure functions; any.
// Tests      tests/agent/mask/operators_test.cc
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/data/record.h"
#include "agent/data/value.h"
#include "platform/base/time.h"

namespace pinaflux {

inline constexpr std::size_t kTimeTextMax = 40;

// Steps that a rule may have: whole seconds of which a day is a multiple.
bool is_time_step(Duration step);
// A text, in its own offset (the day is that of its place), or a number since 1970-01-01 UTC in ticks of `tick`.
// Fractions of a second go. The new text is in `to` (kTimeTextMax bytes).
bool coarsen(Value& value, Duration step, Duration tick, char* to);
void coarsen(Stamp& stamp, Duration step);

}  // namespace pinaflux
