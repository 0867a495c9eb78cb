// HandClock: a clock that is moved by hand.
#pragma once

#include "platform/clock.h"

namespace pinaflux::kit {

class HandClock : public Clock {
 public:
  Instant now() const override { return now_; }
  WallTime wall() const override {
    return WallTime{1'700'000'000'000'000'000 + now_.ns} + stepped_;
  }
  bool synchronised() const override { return synchronised_; }
  Duration wall_error() const override { return wall_error_; }
  std::uint64_t boot() const override { return boot_; }
  void advance(Duration d) { now_ = now_ + d; }
  // The wall clock is set; the kernel may say that it was set right.
  void step(Duration d) { stepped_ = stepped_ + d; }
  void synchronise(bool synchronised, Duration error = {}) {
    synchronised_ = synchronised;
    wall_error_ = error;
  }
  void reboot(std::uint64_t boot) {
    stepped_ = stepped_ + Duration{now_.ns - 1};
    now_ = Instant{1};
    boot_ = boot;
    synchronised_ = false;
  }

 private:
  Instant now_{1};
  Duration stepped_{}, wall_error_{};
  bool synchronised_ = true;
  std::uint64_t boot_ = 7;
};

}  // namespace pinaflux::kit
