#include "agent/seal/unit.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace pinaflux::seal {

namespace {

std::uint64_t magnitude(std::uint64_t difference) {
  return difference >> 63 != 0 ? 0 - difference : difference;
}

// Divides by one number what is known to be a multiple of it: a multiplication by its inverse modulo 2^64, where
// a division of 64 bits takes hundreds of instructions on 32-bit ARM (Granlund and Montgomery 1994, section 9).
class ExactDivisor {
 public:
  explicit ExactDivisor(std::uint64_t divisor)
      : shift_(std::countr_zero(divisor)), inverse_(divisor >> shift_) {
    const std::uint64_t odd = inverse_;  // Right in its lowest 3 bits; each step doubles them.
    for (int bits = 3; bits < 64; bits *= 2) inverse_ *= 2 - odd * inverse_;
  }
  std::uint64_t quotient(std::uint64_t multiple) const { return (multiple >> shift_) * inverse_; }

 private:
  int shift_;
  std::uint64_t inverse_;
};

// Whether numbers are multiples of one: of an odd one, those whose quotient is not too large for one.
class Divisibility {
 public:
  explicit Divisibility(std::uint64_t divisor)
      : by_(divisor),
        most_(~std::uint64_t{0} / (divisor >> std::countr_zero(divisor))),
        low_((divisor & (0 - divisor)) - 1) {}
  bool divides(std::uint64_t v) const { return (v & low_) == 0 && by_.quotient(v) <= most_; }

 private:
  ExactDivisor by_;
  std::uint64_t most_, low_;
};

}  // namespace

std::uint64_t common_unit(std::span<const std::uint64_t> values) {
  std::size_t at = 0;
  while (at < values.size() && values[at] == values[0]) ++at;
  if (at == values.size()) return 0;
  std::uint64_t unit = magnitude(values[at] - values[0]);
  if (unit == 1) return unit;
  Divisibility by(unit);
  for (const std::uint64_t v : values.subspan(at)) {
    const std::uint64_t distance = magnitude(v - values[0]);
    if (by.divides(distance)) continue;
    unit = std::gcd(unit, distance);
    if (unit == 1) break;
    by = Divisibility(unit);
  }
  return unit;
}

void divide(std::span<const std::uint64_t> values, std::uint64_t unit,
            std::vector<std::uint64_t>& quotients) {
  quotients.resize(values.size());
  const ExactDivisor by(unit);
  const std::uint64_t base = values[0];
  std::ranges::transform(values, quotients.begin(), [&](std::uint64_t v) {
    const std::uint64_t difference = v - base;
    const std::uint64_t quotient = by.quotient(magnitude(difference));
    return difference >> 63 != 0 ? 0 - quotient : quotient;
  });
}

}  // namespace pinaflux::seal
