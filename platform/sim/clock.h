// SimClock: the clocks of one simulated machine: boot time, and a wall clock that can be set.
//
// Promise    now() is the scheduler's time since this machine's boot.
// Ownership  The scheduler outlives it.
// Threads    One.
// Tests      tests/platform/clock_contract.h
#pragma once

#include "platform/clock.h"
#include "platform/sim/scheduler.h"

namespace pinaflux {

class SimClock final : public Clock {
 public:
  // `wall` is shown at the present time; `boot` is not 0.
  SimClock(const SimScheduler& scheduler, WallTime wall, std::uint64_t boot);

  Instant now() const override { return {(scheduler_.now() - booted_).ns}; }
  WallTime wall() const override { return {scheduler_.now().ns + wall_offset_.ns}; }
  bool synchronised() const override { return synchronised_; }
  std::uint64_t boot() const override { return boot_; }

  // Somebody sets the wall clock.
  void step(Duration by) { wall_offset_ = wall_offset_ + by; }
  void synchronise(bool synchronised) { synchronised_ = synchronised; }
  // Boot time begins again; the wall clock's battery keeps it.
  void reboot(std::uint64_t boot);

 private:
  const SimScheduler& scheduler_;
  Instant booted_;
  Duration wall_offset_;
  std::uint64_t boot_;
  bool synchronised_ = true;
};

}  // namespace pinaflux
