// Leased: which seqs of a lane the uplink has, as few ranges as that takes.
//
// Limits     As many ranges as the uplink has places, at most.
// Threads    Values; storage worker.
// Tests      tests/agent/spool/leased_test.cc
#pragma once

#include <cstdint>
#include <vector>

#include "agent/data/identity.h"

namespace pinaflux {

class Leased {
 public:
  void add(const Range& range);
  void forget_up_to(std::uint64_t seq);
  void clear() { ranges_.clear(); }

  bool contains(std::uint64_t seq) const { return first_free(seq) != seq; }
  // The lowest seq from there on that is not leased.
  std::uint64_t first_free(std::uint64_t from) const;
  // The highest seq up to there that is not leased; 0: none.
  std::uint64_t last_free(std::uint64_t to) const;

 private:
  std::vector<Range> ranges_;  // Rising, apart.
};

}  // namespace pinaflux
