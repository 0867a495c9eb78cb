// SimEntropy: random bytes from a seed. Not for anything that must be secret.
//
// Threads    One.
#pragma once

#include "platform/base/random.h"
#include "platform/entropy.h"

namespace pinaflux {

class SimEntropy final : public Entropy {
 public:
  explicit SimEntropy(std::uint64_t seed) : random_(seed) {}
  void fill(MutableBytes bytes) override;

 private:
  Random random_;
};

}  // namespace pinaflux
