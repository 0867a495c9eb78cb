// HandClock: a clock that is moved by hand.
#pragma once

#include "platform/clock.h"

namespace pinaflux::kit {

class HandClock : public Clock {
 public:
  Instant now() const override { return now_; }
  WallTime wall() const override { return {1'700'000'000'000'000'000 + now_.ns}; }
  bool synchronised() const override { return true; }
  std::uint64_t boot() const override { return 7; }
  void advance(Duration d) { now_ = now_ + d; }

 private:
  Instant now_{1};
};

}  // namespace pinaflux::kit
