#include "platform/base/bytes.h"

namespace pinaflux {

void wipe(MutableBytes bytes) {
  if (bytes.empty()) return;
  std::memset(bytes.data(), 0, bytes.size());
  // The compiler must believe that somebody reads the zeros.
  asm volatile("" : : "r"(bytes.data()) : "memory");
}

}  // namespace pinaflux
