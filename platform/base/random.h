// Random: a fast deterministic generator for jitter and simulation. Not for keys: that is Entropy.
//
// Promise    The same seed gives the same numbers on every machine.
// Threads    One owner at a time.
// Source     xoshiro256** and splitmix64 by Blackman and Vigna, https://prng.di.unimi.it/
// Tests      tests/platform/base/random_test.cc
#pragma once

#include <array>
#include <cstdint>

#include "platform/base/time.h"

namespace pinaflux {

class Random {
 public:
  explicit Random(std::uint64_t seed);

  std::uint64_t u64();
  // Uniform in [0, bound), without bias; 0 for a bound of 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [low, high], both ends included; `low` if high < low.
  std::int64_t between(std::int64_t low, std::int64_t high);
  Duration between(Duration low, Duration high) { return {between(low.ns, high.ns)}; }
  // Uniform in [0, 1).
  double unit() { return static_cast<double>(u64() >> 11) * 0x1p-53; }
  // True once in `n` on average; never for 0.
  bool one_in(std::uint64_t n) { return n != 0 && below(n) == 0; }

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace pinaflux
