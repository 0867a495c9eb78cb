// The clock of this machine: CLOCK_BOOTTIME, CLOCK_REALTIME, adjtimex(2).
//
// Threads    Any.
#pragma once

#include "platform/clock.h"

namespace pinaflux {

class LinuxClock final : public Clock {
 public:
  LinuxClock();
  Instant now() const override;
  WallTime wall() const override;
  bool synchronised() const override;
  Duration wall_error() const override;
  std::uint64_t boot() const override { return boot_; }

 private:
  std::uint64_t boot_;
};

}  // namespace pinaflux
