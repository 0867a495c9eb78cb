// Lifeline: a member of an object that may be destroyed by a function that it calls.
//
// Ownership  The function is held here while it runs, so it may destroy its owner, and itself with it.
// Threads    One.
// Tests      tests/platform/base/lifeline_test.cc
#pragma once

#include <functional>
#include <utility>

namespace pinaflux {

class Lifeline {
 public:
  Lifeline() = default;
  ~Lifeline() {
    if (gone_ != nullptr) *gone_ = true;
  }
  Lifeline(const Lifeline&) = delete;
  Lifeline& operator=(const Lifeline&) = delete;

  // Calls it. True: the owner is gone, and nothing of it may be touched.
  template <class... Arguments>
  bool gone_after(std::function<void(Arguments...)>& event, Arguments... arguments) {
    bool gone = false;
    gone_ = &gone;
    auto held = std::move(event);
    held(arguments...);
    if (gone) return true;
    gone_ = nullptr;
    event = std::move(held);
    return false;
  }

 private:
  bool* gone_ = nullptr;
};

}  // namespace pinaflux
