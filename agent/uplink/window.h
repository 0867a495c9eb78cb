// Window: how many envelopes may be in flight, and how the free places are shared among the lanes.
//
// Promise    Begins small on each connection and doubles with each window acknowledged, until acks do not
//            come or come late. Halves when they do not come, at least 1; grows by one from then on, up
//            to the most that was configured: a thousand gateways share a collector's queue (as TCP
//            shares a link). Where acks take longer because of what waits in front of them, it is as large
//            as may wait: on a narrow link an alarm waits behind what is in flight. What has no place in it is
//            sealed together meanwhile: the batches grow.
// Threads    Loop.
// Source     RFC 6817 (LEDBAT), section 2: the queue of a way is how much longer it takes than at its fastest.
// Tests      tests/agent/uplink/window_test.cc
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "agent/data/lease.h"
#include "platform/base/time.h"

namespace pinaflux {

class Window {
 public:
  explicit Window(std::size_t size_max)
      : size_max_(std::clamp<std::size_t>(size_max, 1, limits::kWindowMax)),
        size_(std::min(size_max_, kFirst)) {}

  std::size_t size() const { return size_; }
  void halve() {
    size_ = std::max<std::size_t>(1, size_ / 2);
    acked_ = 0;
    starting_ = false;
  }
  // `used`: so many were in flight. What is not used does not grow: nobody knows what the way would say to it.
  void acked(std::size_t envelopes, std::size_t used) {
    if (crowded_ || used < size_ / 2) return;
    if (starting_) {
      size_ = std::min(size_ + envelopes, size_max_);
      return;
    }
    acked_ += envelopes;
    if (acked_ < size_) return;
    acked_ = 0;
    size_ = std::min(size_ + 1, size_max_);
  }
  // Before acked(): of an envelope that was sent once, when `ahead` others were in flight.
  void measured(Duration round_trip, std::size_t ahead);
  // Another connection: what its way takes is not known.
  void begin() {
    size_ = std::min(size_, kFirst);
    fastest_ = Duration::hours(24);
    crowded_ = false;
    starting_ = true;
  }

 private:
  static constexpr std::size_t kFirst = 4;

  std::size_t size_max_, size_;
  std::size_t acked_ = 0;
  Duration fastest_ = Duration::hours(24);
  bool crowded_ = false, starting_ = true;
};

struct LaneDemand {
  bool open = false;  // May be asked for envelopes at all.
  bool busy = false;  // Has envelopes in flight: more are likely to follow.
  int priority = 0;
  unsigned share = 0;  // Percent that it gets, if it is busy, whatever the others' priority.
};

// Each open lane gets one of the `free` places (the uplink keeps what is then too many until there
// is a place for it). Of the rest the busy ones get their shares, and those of the highest priority
// among them what is left; if none is busy, all count as such.
std::array<std::uint16_t, limits::kLanesMax> share_places(std::size_t free,
                                                          std::span<const LaneDemand> lanes);

}  // namespace pinaflux
