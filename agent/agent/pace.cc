#include "agent/agent/pace.h"

#include <algorithm>

namespace pinaflux {

LeaseWish Pace::lease_now(const LeaseWish& free_places, const Group& group, Instant now) const {
  LeaseWish wish = free_places;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const bool due = now >= batch_due(i);
    wish.sealed_only[i] = !due;
    const bool has = lanes_[i] != Lane::empty || !group.empty;
    if (lanes_[i] != Lane::backlog && !(due && has)) wish.envelopes[i] = 0;
  }
  return wish;
}

bool Pace::commit_now(const Group& group, const LeaseWish& leases, Instant now) {
  if (group.empty) {
    opened_ = Instant::never();
  } else if (opened_ == Instant::never()) {
    opened_ = now;
  }
  if (!group.empty) {
    if (group.full || now >= opened_ + options_.commit_every) return true;
    if (group.stalled && now >= opened_ + limits::kCommitStall) return true;
  }
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (leases.envelopes[i] > 0 && lanes_[i] != Lane::empty) return true;
  }
  return false;
}

Instant Pace::next(const LeaseWish& free_places, const Group& group) const {
  Instant at = Instant::never();
  if (!group.empty && opened_ != Instant::never()) {
    at = opened_ + (group.stalled ? limits::kCommitStall : options_.commit_every);
  }
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i] != Lane::empty && free_places.envelopes[i] > 0) {
      at = std::min(at, batch_due(i));
    }
  }
  return at;
}

void Pace::asked(const LeaseWish& wish, Instant now) {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (wish.envelopes[i] > 0 && !wish.sealed_only[i]) asked_[options_.way_of_lane[i]] = now;
  }
  lost_.fill(false);
  opened_ = Instant::never();
}

void Pace::leased(LaneIndex lane, const LeaseWish& wish, std::size_t brought, bool records) {
  if (lost_[lane]) return;
  const std::size_t wished = wish.envelopes[lane];
  if (wished > 0 && brought >= wished) {
    lanes_[lane] = Lane::backlog;
  } else if (wished > 0) {
    lanes_[lane] = wish.sealed_only[lane] ? Lane::some : Lane::empty;
  } else if (records && lanes_[lane] == Lane::empty) {
    lanes_[lane] = Lane::some;
  }
}

void Pace::lost(LaneIndex lane) {
  lanes_[lane] = Lane::backlog;
  lost_[lane] = true;
}

}  // namespace pinaflux
