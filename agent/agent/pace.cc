#include "agent/agent/pace.h"

#include <algorithm>

namespace pinaflux {

namespace {
bool any(const LeaseWish& wish) {
  return std::ranges::any_of(wish.envelopes, [](auto n) { return n > 0; });
}
}  // namespace

LeaseWish Pace::lease_now(const LeaseWish& free_places, const Group& group, Instant now) const {
  LeaseWish wish{.envelopes = {}, .round = free_places.round};
  const bool due = wish.fresh = batch_due(now);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const bool has = lanes_[i] != Lane::empty || !group.empty;
    if (lanes_[i] == Lane::backlog || (due && has)) wish.envelopes[i] = free_places.envelopes[i];
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
      at = std::min(at, asked_ + options_.batch_age);
    }
  }
  return at;
}

void Pace::asked(const LeaseWish& wish, Instant now) {
  if (any(wish) && wish.fresh) asked_ = now;
  lost_.fill(false);
  opened_ = Instant::never();
}

void Pace::leased(LaneIndex lane, const LeaseWish& wish, std::size_t brought, bool records) {
  if (lost_[lane]) return;
  const std::size_t wished = wish.envelopes[lane];
  if (wished > 0 && brought >= wished) {
    lanes_[lane] = Lane::backlog;
  } else if (wished > 0) {
    lanes_[lane] = wish.fresh ? Lane::empty : Lane::some;
  } else if (records && lanes_[lane] == Lane::empty) {
    lanes_[lane] = Lane::some;
  }
}

void Pace::lost(LaneIndex lane) {
  lanes_[lane] = Lane::backlog;
  lost_[lane] = true;
}

}  // namespace pinaflux
