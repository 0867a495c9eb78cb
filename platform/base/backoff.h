// Backoff: how long to wait before the next try: exponential with full jitter.
//
// Promise    The n-th delay is uniform in [0, min(max, min * 2^n)]: a thousand gateways that lost
//            the same broker do not come back together. Call reset() when a try has proved itself.
// Threads    Values; one owner at a time.
// Source     "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 (full jitter).
// Tests      tests/platform/base/backoff_test.cc
#pragma once

#include "platform/base/random.h"
#include "platform/base/time.h"

namespace pinaflux {

class Backoff {
 public:
  Backoff(Duration min, Duration max) : min_(min), max_(max), bound_(min < max ? min : max) {}

  Duration next(Random& random) {
    const Duration delay = random.between(Duration{0}, bound_);
    bound_ = bound_.ns > max_.ns / 2 ? max_ : bound_ * 2;
    ++tries_;
    return delay;
  }
  void reset() {
    bound_ = min_ < max_ ? min_ : max_;
    tries_ = 0;
  }
  // Failed tries since reset().
  int tries() const { return tries_; }

 private:
  Duration min_, max_, bound_;
  int tries_ = 0;
};

}  // namespace pinaflux
