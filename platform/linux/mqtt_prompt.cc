// Paho 1.3's receiving thread looks whether a connection has come about, then waits up to a second for something to
// read, and only then goes on with what it saw: the broker waits for CONNECT meanwhile. So the linker leads its
// Socket_getReadySocket() through us (--wrap, beside deps::paho). The wait is an eighth of the time since the last
// connection was begun: whatever that takes, it is noticed an eighth later. It is never more than a tenth of a second,
// because a wait that has begun is not ended by a connection that begins.

#include "platform/linux/mqtt_prompt.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace pinaflux {

namespace {

constexpr std::int64_t kWaitMin = 5, kWaitMax = 100;  // Milliseconds.

std::atomic<std::int64_t> connecting_since{0};

std::int64_t now_ms() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

int prompt(int wait) {
  const std::int64_t eighth = (now_ms() - connecting_since.load(std::memory_order_relaxed)) / 8;
  return static_cast<int>(std::min<std::int64_t>(wait, std::clamp(eighth, kWaitMin, kWaitMax)));
}

}  // namespace

void paho_connects() { connecting_since.store(now_ms(), std::memory_order_relaxed); }

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names.
extern "C" {
int __real_Socket_getReadySocket(int more_work, int wait, void* mutex, int* result);
int __wrap_Socket_getReadySocket(int more_work, int wait, void* mutex, int* result) {
  return __real_Socket_getReadySocket(more_work, prompt(wait), mutex, result);
}
}
// NOLINTEND(bugprone-reserved-identifier)

}  // namespace pinaflux
