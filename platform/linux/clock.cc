#include "platform/linux/clock.h"

#include <ctime>
#include <fcntl.h>
#include <sys/timex.h>
#include <unistd.h>

#include "platform/base/assert.h"
#include "platform/linux/entropy.h"
#include "platform/linux/fd.h"

// boot() is FNV-1a over the text of the kernel's boot id: the id is random already, so any hash
// that keeps its bits will do. Without /proc (a bare container) it is random per process, which
// only makes records of two processes of one boot look like two boots: more anchors, no wrong
// times.

namespace pinaflux {

namespace {

std::int64_t nanoseconds(clockid_t id) {
  timespec t{};
  ASSERT(clock_gettime(id, &t) == 0);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

std::uint64_t boot_hash() {
  const Fd file(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  char text[36];
  if (!file || ::read(file.get(), text, sizeof text) != ssize_t{sizeof text}) {
    LinuxEntropy entropy;
    return entropy.u64();
  }
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

}  // namespace

LinuxClock::LinuxClock() : boot_(boot_hash()) {
  if (boot_ == 0) boot_ = 1;
}

Instant LinuxClock::now() const { return {nanoseconds(CLOCK_BOOTTIME)}; }
WallTime LinuxClock::wall() const { return {nanoseconds(CLOCK_REALTIME)}; }

bool LinuxClock::synchronised() const {
  timex kernel{};
  const int state = adjtimex(&kernel);
  return state >= 0 && state != TIME_ERROR && (kernel.status & STA_UNSYNC) == 0;
}

Duration LinuxClock::wall_error() const {
  timex kernel{};
  return adjtimex(&kernel) < 0 ? Duration{} : Duration::microseconds(kernel.maxerror);
}

}  // namespace pinaflux
