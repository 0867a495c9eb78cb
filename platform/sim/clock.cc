#include "platform/sim/clock.h"

#include "platform/base/assert.h"

namespace pinaflux {

SimClock::SimClock(const SimScheduler& scheduler, WallTime wall, std::uint64_t boot)
    : scheduler_(scheduler),
      booted_(scheduler.now()),
      wall_offset_{wall.ns - scheduler.now().ns},
      boot_(boot) {
  ASSERT(boot != 0);
}

void SimClock::reboot(std::uint64_t boot) {
  ASSERT(boot != 0 && boot != boot_);
  boot_ = boot;
  booted_ = scheduler_.now();
  synchronised_ = false;
}

}  // namespace pinaflux
