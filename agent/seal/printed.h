// Printed: what a value was before it was printed or scaled: a float32, or a whole number of steps of a converter.
//
// Promise    Both functions that a reader needs are the same on every machine: products, quotients and
//            conversions of IEEE 754, each rounded once.
// Threads    Pure functions; any. Bytes: FORMAT.md, section 4.
// Tests      tests/agent/seal/body_test.cc, vectors_test.cc
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "agent/seal/kinds.h"

namespace pinaflux::seal {

// How a column of doubles came to be: raw -> (float) -> printed with so many digits and decimals.
struct Printing {
  bool single = true;         // Rounded to float32 first.
  std::uint8_t digits = 0;    // Significant ones at most, at least 1; 0: not printed.
  std::uint8_t decimals = 0;  // Behind the point, at most.
  double step = 0;            // Of the converter; 0: none known.

  bool operator==(const Printing&) const = default;
};
inline constexpr std::uint8_t kDigitsMax = 17;

// `v` as a text of so many digits and decimals reads back; halves are rounded away from 0. What is not finite or
// has no place in 53 bits reads back as 0.
double printed(double v, const Printing& how);

// Floats in their order as integers: 0 is 0, the smallest above it 1. -0 is 0, and NaNs are beyond infinity.
std::int64_t order_of(float v);
float float_of(std::uint64_t order);

// The value of a whole number of steps.
inline double stepped(std::uint64_t k, const Printing& how) {
  const double v = static_cast<double>(static_cast<std::int64_t>(k)) * how.step;
  return how.single ? static_cast<double>(static_cast<float>(v)) : v;
}

// Appends what these doubles may have been, likeliest first. Samples only: the caller counts what does not fit.
void guess_printing(std::span<const std::uint64_t> bits, std::vector<Printing>& guesses);

}  // namespace pinaflux::seal
