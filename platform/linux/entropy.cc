#include "platform/linux/entropy.h"

#include <cerrno>
#include <sys/random.h>

#include "platform/base/assert.h"

namespace pinaflux {

void LinuxEntropy::fill(MutableBytes bytes) {
  while (!bytes.empty()) {
    const ssize_t n = getrandom(bytes.data(), bytes.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    ASSERT(n > 0);  // Fails only without the system call: no kernel that we support.
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

}  // namespace pinaflux
