// Sketch: how values are distributed, in bins of equal relative width: any percentile with an error of at most 2 %.
//
// Promise    percentile() is within kError of the value that has that rank. The same values give the same sketch,
//            in whatever order, and however they were split and merged.
// Limits     kBinsMax bins: 128 of them span a factor of 168. Beyond it the lowest ones become one: high percentiles
//            stay right, low ones are too high then.
// Source     Masson, Rim, Lee: DDSketch, PVLDB 12(12), 2019.
// Threads    Values; any. No heap once it has had its bins.
// Tests      tests/agent/pipeline/statistics_test.cc
#pragma once

#include <cstdint>
#include <vector>

#include "platform/base/bytes.h"

namespace pinaflux {

class Sketch {
 public:
  static constexpr double kError = 0.02;
  static constexpr std::size_t kBinsMax = 128;

  void add(double x);  // No NaN.
  void merge(const Sketch& other);
  // Of the value at position floor(percent / 100 * (count - 1)) in ascending order. Not when empty.
  double percentile(unsigned percent) const;
  void reset() { bins_.clear(); }

  void encode(Writer& to) const;
  bool decode(Reader& from);

 private:
  struct Bin {
    std::int32_t key;  // Ascends with the values: below 0 for negative ones, 0 for zero.
    std::uint64_t count;
  };
  void put(std::int32_t key, std::uint64_t count);

  std::vector<Bin> bins_;  // Ascending.
};

}  // namespace pinaflux
