// Round trip: after what time an ack is late, learnt from those that came.
//
// Promise    Once the smoothed round trip and four times its deviation are over; at least kLateLeast, for a collector
//            lands what it takes together with other gateways'. Only what was sent once may be measured: of the rest
//            nobody knows which sending is acknowledged (Karn's rule).
// Threads    Loop.
// Source     RFC 6298, section 2.
// Tests      tests/agent/uplink/round_trip_test.cc
#pragma once

#include <algorithm>

#include "platform/base/time.h"

namespace pinaflux {

class RoundTrip {
 public:
  static constexpr Duration kLateLeast = Duration::seconds(5);

  void measured(Duration took) {
    const Duration off = took > smoothed_ ? took - smoothed_ : smoothed_ - took;
    deviation_ = known_ ? deviation_ - deviation_ / 4 + off / 4 : took / 2;
    smoothed_ = known_ ? smoothed_ - smoothed_ / 8 + took / 8 : took;
    known_ = true;
  }
  // `unknown`: before anything was measured.
  Duration late_after(Duration unknown) const {
    return known_ ? std::max(smoothed_ + deviation_ * 4, std::min(kLateLeast, unknown)) : unknown;
  }

 private:
  Duration smoothed_{}, deviation_{};
  bool known_ = false;
};

}  // namespace pinaflux
