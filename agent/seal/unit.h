// Unit: the step that all values of a series have in common: 1000, 1025, 1100 are 0, 1, 4 in units of 25.
//
// Threads    Pure functions; any. All arithmetic is modulo 2^64; a distance is at most 2^63.
// Tests      tests/agent/seal/integers_test.cc
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pinaflux::seal {

// The greatest number that divides all distances from the first value; 0: all are the same. Of at least one value.
std::uint64_t common_unit(std::span<const std::uint64_t> values);

// The distances from the first value, in such units.
void divide(std::span<const std::uint64_t> values, std::uint64_t unit,
            std::vector<std::uint64_t>& quotients);

}  // namespace pinaflux::seal
