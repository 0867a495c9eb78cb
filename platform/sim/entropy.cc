#include "platform/sim/entropy.h"

namespace pinaflux {

void SimEntropy::fill(MutableBytes bytes) {
  std::uint64_t drawn = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i % 8 == 0) drawn = random_.u64();
    bytes[i] = static_cast<std::uint8_t>(drawn >> (8 * (i % 8)));
  }
}

}  // namespace pinaflux
