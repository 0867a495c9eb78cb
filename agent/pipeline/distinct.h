// Distinct: how many different values there were: exactly up to 32 of them, beyond that by a sketch.
//
// Promise    The same values give the same state and count, in whatever order, however often, and however they were
//            split and merged. Up to kExactMax different values the count is exact (values are told apart by 64 bits
//            of hash: two of 32 are taken for one in 1 of 10^16 cases). Beyond it the standard error is 6.5 %
//            (1.04 / sqrt(256)), of any number, and the count is at least kExactMax + 1.
// Values     Booleans, numbers, text and bytes, told apart as in a NodeKey: 5 and 5.0 are one, true and 1 are two.
//            Null and NaN are passed over. Values chosen to deceive a hash that is known deceive it.
// Source     Flajolet, Fusy, Gandouet, Meunier: HyperLogLog, AofA 2007 (registers); Ertl: New cardinality estimation
//            algorithms for HyperLogLog sketches, arXiv:1702.01284, 2017 (the estimator, without tables).
// Threads    Values; any. No heap once it has had its words.
// Tests      tests/agent/pipeline/distinct_test.cc
#pragma once

#include <cstdint>
#include <vector>

#include "agent/data/value.h"
#include "platform/base/bytes.h"

namespace pinaflux {

class Distinct {
 public:
  static constexpr std::size_t kExactMax = 32;
  static constexpr std::size_t kRegisters = 256;
  static constexpr std::size_t kBytesMax = 1 + kRegisters;  // That encode() writes.

  void add(const Value& value);
  void merge(const Distinct& other);
  std::int64_t count() const;
  void reset();

  void encode(Writer& to) const;
  bool decode(Reader& from);

 private:
  static constexpr std::size_t kWords = kRegisters / 8;
  static_assert(kWords == kExactMax);

  void put(std::uint64_t hash);
  void raise(std::size_t at, std::uint8_t to);
  std::uint8_t rank(std::size_t at) const;
  void sketch();

  std::vector<std::uint64_t> words_;  // Hashes, ascending; or eight registers each.
  bool sketched_ = false;
};

}  // namespace pinaflux
