// WaitingQueue: what a node is to give, as bytes, in its order, and its part of the node's state.
//
// Promise    What waits at a save() is in the state of that group, and what was given since the last one is erased.
// Order      As it was added; of a restored state, its own first.
// Ownership  Copies what it is given.
// Threads    Loop.
// Tests      tests/agent/pipeline/swing_test.cc, alert_test.cc, merge_test.cc
#pragma once

#include <deque>
#include <functional>
#include <string_view>
#include <vector>

#include "agent/data/group.h"
#include "platform/base/bytes.h"

namespace pinaflux {

class WaitingQueue {
 public:
  void add(Bytes entry);
  // While states are restored: behind all that these have.
  void add_behind(Bytes entry) { behind_.emplace_back(entry.begin(), entry.end()); }
  std::size_t count() const { return waiting_.size() + behind_.size(); }

  // Of one that is not empty.
  Bytes front() { return at(0); }
  Bytes at(std::size_t index);  // Below count().
  void given();

  // As those of a Step.
  void save(std::string_view prefix, std::vector<StateEdit>& to);
  void snapshot(std::string_view prefix, std::vector<StateEdit>& to) const;
  // False: the value is of another kind of state. An entry that is not sound is erased.
  bool restore(Bytes value, const std::function<bool(Bytes entry)>& sound);
  // What a value holds; empty: it is of another kind of state.
  static Bytes entry_of(Bytes value);

 private:
  struct Waiting {
    std::uint64_t id = 0;  // In the stored state; 0: it is not there.
    Buffer entry;
  };
  void settle();

  std::deque<Waiting> waiting_;
  std::vector<Buffer> behind_;
  std::uint64_t next_id_ = 1;
  std::vector<std::uint64_t> given_;  // To be erased.
};

}  // namespace pinaflux
