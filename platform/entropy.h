// Entropy: random bytes fit for keys, epochs and jitter (getrandom; from the seed in the simulator).
//
// Threads    Any.
#pragma once

#include "platform/base/bytes.h"

namespace pinaflux {

class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void fill(MutableBytes bytes) = 0;

  std::uint64_t u64() {
    std::uint8_t raw[8];
    fill(raw);
    return Reader(raw).u64();
  }
};

}  // namespace pinaflux
