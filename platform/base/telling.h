// Telling: runs an event of an owner who may destroy the teller in it.
//
// Promise    tell() is false when the teller was destroyed meanwhile: then nothing of it may be touched.
// Ownership  A member of the teller, and gone with it. Events may nest.
// Threads    One owner.
// Tests      tests/platform/base/telling_test.cc
#pragma once

#include <utility>

namespace pinaflux {

class Telling {
 public:
  Telling() = default;
  ~Telling() {
    if (gone_ != nullptr) *gone_ = true;
  }
  Telling(const Telling&) = delete;
  Telling& operator=(const Telling&) = delete;

  template <class F>
  bool tell(F event) {
    bool gone = false;
    bool* const outer = std::exchange(gone_, &gone);
    event();
    if (gone) {
      if (outer != nullptr) *outer = true;
      return false;
    }
    gone_ = outer;
    return true;
  }

 private:
  bool* gone_ = nullptr;
};

}  // namespace pinaflux
