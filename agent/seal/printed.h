// Printed: what a value was before it was printed or scaled: a float32, or a whole number of steps of a converter.
//
// Promise    What a reader needs is the same on every machine: products, quotients and
//            conversions of IEEE 754, each rounded once.
// Threads    Pure functions; any. Bytes: FORMAT.md, section 4.
// Tests      tests/agent/seal/body_test.cc, vectors_test.cc
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
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

// How many of 1, 10, ... 10^16 are not above 2^(e - 1); 0 below 1.
inline constexpr auto kWholeDigits = [] {
  std::array<std::uint8_t, 65> digits{};
  double power = 1;
  for (std::size_t e = 1; e < digits.size(); ++e, power *= 2) {
    while (digits[e] < kDigitsMax && kPower[digits[e]] <= power) ++digits[e];
  }
  return digits;
}();

// A value as a text of so many digits and decimals reads back; halves are rounded away from 0. What is not finite or
// has no place in 53 bits reads back as 0.
class Printer {
 public:
  explicit Printer(const Printing& how) : exact_(how.digits == 0) {
    for (int whole = 0; whole <= kDigitsMax + 1; ++whole) {
      const int left = std::clamp<int>(how.digits - whole, 0, how.decimals);
      powers_[static_cast<std::size_t>(whole)] = kPower[static_cast<std::size_t>(left)];
    }
  }
  double operator()(double v) const {
    if (exact_) return v;
    const double size = std::fabs(v);
    const double power = powers_[whole_digits(size)];
    const double x = size * power;
    if (!(x < kWholeMax)) return 0;
    const double raised = x + 0.5;  // Not lround(): the format says so.
    const double m = static_cast<double>(static_cast<std::int64_t>(raised)) / power;
    return std::copysign(m, v + 0.0);  // Not -0.
  }

 private:
  // How many of 1, 10, ... are not above; of NaN, any. No branch: neighbours differ in sign and in digits. Bounds of doubles
  // are an instruction each.
  static std::size_t whole_digits(double size) {
    const double at_least = 0.5 < size ? size : 0.5;  // NaN, too.
    const double bounded = at_least < 0x1p63 ? at_least : 0x1p63;
    const std::size_t whole = kWholeDigits[static_cast<std::size_t>(bits_of(bounded) >> 52) - 1022];
    return whole + (size >= kPower[whole] ? 1 : 0);
  }

  // 10 ^ decimals that so many digits before the point leave.
  std::array<double, kDigitsMax + 2> powers_;
  const bool exact_;
};

// Floats in their order as integers: 0 is 0, the smallest above it 1. -0 is 0, and NaNs are beyond infinity.
inline std::int64_t order_of(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  const auto size = static_cast<std::int64_t>(bits & 0x7fffffff);
  const auto negative = static_cast<std::int64_t>(bits >> 31);
  return (size ^ -negative) + negative;
}
inline float float_of(std::uint64_t order) {
  const auto negative = static_cast<std::uint32_t>(order >> 63);
  const auto size = ((static_cast<std::uint32_t>(order) ^ (0 - negative)) + negative) & 0x7fffffff;
  return std::bit_cast<float>(size | negative << 31);
}

// The value of a whole number of steps.
inline double stepped(std::uint64_t k, const Printing& how) {
  const double v = static_cast<double>(static_cast<std::int64_t>(k)) * how.step;
  return how.single ? static_cast<double>(static_cast<float>(v)) : v;
}

// Appends what these doubles may have been, likeliest first. Samples only: the caller counts what does not fit.
void guess_printing(std::span<const std::uint64_t> bits, std::vector<Printing>& guesses);

}  // namespace pinaflux::seal
