// Entropy of the kernel, by getrandom(2): waits for the pool at boot, then never.
//
// Threads    Any.
#pragma once

#include "platform/entropy.h"

namespace pinaflux {

class LinuxEntropy final : public Entropy {
 public:
  void fill(MutableBytes bytes) override;
};

}  // namespace pinaflux
