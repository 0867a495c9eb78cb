// Clock: the two kinds of time, and whether the calendar can be believed.
//
// Promise    now() never goes back within a boot. wall() may jump either way at any call.
// Threads    Any.
// Tests      tests/platform/clock_contract.h, run against linux/ and sim/.
#pragma once

#include <cstdint>

#include "platform/base/time.h"

namespace pinaflux {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual WallTime wall() const = 0;
  // The kernel says that the wall clock has been synchronised since boot (adjtimex).
  virtual bool synchronised() const = 0;
  // How far wall() may be off while it is synchronised, as the kernel reckons (adjtimex: maxerror).
  virtual Duration wall_error() const { return {}; }
  // Random per boot, never 0; the same in every process of one boot.
  virtual std::uint64_t boot() const = 0;
};

}  // namespace pinaflux
