// AckOrder: turns acks that come in any order into PUBACKs in the order of the messages (MQTT 5.0,
// section 4.6).
//
// Limits     65,535 messages; 16 KiB and two bytes for each message that waits.
// Threads    One owner at a time.
// Tests      tests/platform/mqtt/session_test.cc
#pragma once

#include <bitset>
#include <cstdint>
#include <vector>

#include "platform/base/assert.h"

namespace pinaflux::mqtt {

class AckOrder {
 public:
  std::size_t waiting() const { return static_cast<std::size_t>(received_ - released_); }
  // Messages so far, and those of them that were released.
  std::uint64_t received() const { return received_; }
  std::uint64_t released() const { return released_; }
  // Acked, but behind one that is not.
  std::size_t held() const { return held_; }

  // False: a message of this id waits already.
  [[nodiscard]] bool push(std::uint16_t id) {
    if (waiting_[id]) return false;
    if (waiting() == ring_.size()) grow();
    ring_[received_ & (ring_.size() - 1)] = id;
    ++received_;
    waiting_.set(id);
    return true;
  }

  // Gives `release` each id whose turn has come.
  template <class Release>
  void ack(std::uint16_t id, Release release) {
    ASSERT(waiting_[id]);
    if (!acked_[id]) ++held_;
    acked_.set(id);
    while (released_ != received_) {
      const std::uint16_t first = ring_[released_ & (ring_.size() - 1)];
      if (!acked_[first]) return;
      acked_.reset(first);
      waiting_.reset(first);
      ++released_;
      --held_;
      release(first);
    }
  }

 private:
  void grow() {
    std::vector<std::uint16_t> ring(ring_.size() * 2);
    for (std::uint64_t i = released_; i != received_; ++i) {
      ring[i & (ring.size() - 1)] = ring_[i & (ring_.size() - 1)];
    }
    ring_ = std::move(ring);
  }

  std::vector<std::uint16_t> ring_ = std::vector<std::uint16_t>(64);  // A power of two.
  std::uint64_t received_ = 0, released_ = 0;
  std::size_t held_ = 0;
  std::bitset<65536> waiting_, acked_;
};

}  // namespace pinaflux::mqtt
