// Number: what rules do to numbers: round, bucket, noise.
//
// Promise    False: it cannot be done to this value, which is then as it was. Integers stay integers where width and
//            edges are whole. No sign of a zero and no payload of a NaN comes through.
// Threads    Pure functions; any.
// Tests      tests/agent/mask/masker_test.cc, tests/agent/mask/operators_test.cc
#pragma once

#include <cstdint>
#include <span>

#include "agent/data/value.h"

namespace pinaflux {

inline constexpr double kExactIntegerMax = 9007199254740992.0;  // 2^53: integers below are exact.

// The nearest multiple of `step`, half away from zero.
bool round_to_multiple(Value& value, double step);
// The multiple of `width` at or below it.
bool lower_to_multiple(Value& value, double width);
// The last of the edges, which rise, at or below it; false below the first.
bool lower_to_edge(Value& value, std::span<const double> edges);
// Plus a number evenly spread over -width to width, which `random` gives; on the decimal grid that is 100 to 1,000
// times finer than the width: what a double says beyond that could tell the value from the noise.
bool add_noise(Value& value, double width, std::uint64_t random);

}  // namespace pinaflux
