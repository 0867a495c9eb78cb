// WaitingRecords: packed records that a node is to give, in their order, and their part of its state.
//
// Promise    What waits at a save() is in the state of that group, and what was given since the last one is erased.
// Order      As they were added; of a restored state, its own first.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/merge_test.cc
#pragma once

#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/pipeline/step.h"

namespace pinaflux {

class WaitingRecords {
 public:
  explicit WaitingRecords(Shapes& shapes) : shapes_(shapes) {}

  void add(Bytes packed);
  // While states are restored: behind all that these have.
  void add_behind(Bytes packed) { behind_.emplace_back(packed.begin(), packed.end()); }
  std::size_t count() const { return waiting_.size() + behind_.size(); }

  // As those of a Step.
  std::optional<Step::Given> give(Arena& arena);
  void given();
  void save(std::string_view prefix, std::vector<StateEdit>& to);
  void snapshot(std::string_view prefix, std::vector<StateEdit>& to) const;
  // False: the value is of another kind of state.
  bool restore(Bytes value);

 private:
  struct Waiting {
    std::uint64_t id = 0;  // In the stored state; 0: it is not there.
    Buffer packed;
  };
  void settle();

  Shapes& shapes_;
  std::deque<Waiting> waiting_;
  std::vector<Buffer> behind_;
  std::uint64_t next_id_ = 1;
  std::vector<std::uint64_t> given_;  // To be erased.
};

}  // namespace pinaflux
