// After a restart the collector's answer to hello may be ahead of all that we know:
//
//   collector has   1 .............. 300      ack: high 300, hash of the envelope that ends there
//   spool leases    1-100  101-200  201-300  301-400    (its acks were lost with the process)
//
// The ack cannot be proved from memory, so it is kept pending and leases are passed by, unsent, up
// to the one that ends at `high`: if that has the hash, all of them go; if not, or if none ends
// there, the ack is dropped and the leases are given up, so that the spool begins again at 1 and
// everything is sent. The same way serves after a lost link. An ack above what was sent on this
// connection is never pending: it is a lie.

#include "agent/uplink/lane_flight.h"

#include <algorithm>
#include <utility>

#include "platform/base/assert.h"

namespace pinaflux {

void LaneFlight::committed(const Epoch& epoch, std::uint64_t last, std::uint64_t acked) {
  // What was minted anew waits until the envelopes of the old epoch are gone.
  if (epoch_known_ && epoch != epoch_ && !items_.empty()) return;
  turn_to(epoch);
  committed_last_ = std::max(committed_last_, last);
  acked_ = std::max(acked_, acked);
}

void LaneFlight::turn_to(const Epoch& epoch) {
  if (epoch_known_ && epoch == epoch_) return;
  epoch_ = epoch;
  epoch_known_ = true;
  acked_ = committed_last_ = sent_high_ = lost_from_ = 0;
  known_.clear();
  pending_.reset();
}

LaneFlight::Verdict LaneFlight::judge(const AckMessage& ack) {
  if (!epoch_known_ || ack.epoch != epoch_) return Verdict::rejected;
  if (ack.high <= acked_) return Verdict::stale;
  if (ack.high > committed_last_) return Verdict::rejected;
  const auto proves = [&](const auto& end) {
    if (end.hash != ack.hash) return Verdict::rejected;
    accept(ack.high);
    return Verdict::accepted;
  };
  for (const Item& item : items_) {
    if (item.range.last == ack.high) return proves(item);
    if (item.range.last > ack.high) return Verdict::rejected;  // In the middle of it.
  }
  for (const End& end : known_) {
    if (end.last == ack.high) return proves(end);
  }
  if (!may_pend_) return Verdict::rejected;
  pending_ = End{ack.high, ack.hash};
  if (!items_.empty()) lose_from(items_.front().range.first);
  skipped_ = skipped_ || !items_.empty();
  items_.clear();
  return Verdict::pending;
}

LaneFlight::Taken LaneFlight::take(Lease&& lease) {
  turn_to(lease.epoch);
  committed_last_ = std::max(committed_last_, lease.range.last);
  if (lease.range.last <= acked_) return Taken::covered;
  if (pending_ && lease.range.last < pending_->last) {
    lose_from(lease.range.first);
    skipped_ = true;
    return Taken::covered;
  }
  if (pending_ && lease.range.last == pending_->last && lease.hash == pending_->hash) {
    accept(pending_->last);
    return Taken::accepted;
  }
  if (pending_) {
    pending_.reset();
    may_pend_ = false;
    if (skipped_) return Taken::broken;
  }
  Item item;
  item.range = lease.range;
  item.hash = lease.hash;
  item.bytes = std::move(lease.bytes);
  items_.push_back(std::move(item));
  return Taken::queued;
}

bool LaneFlight::in_order(const Lease& first_of_batch) {
  const bool behind = restart_ && lost_from_ > acked_ && first_of_batch.range.first > lost_from_;
  restart_ = false;
  return !behind;
}

void LaneFlight::lose() {
  if (!items_.empty()) lose_from(items_.front().range.first);
  for (std::size_t i = 0; i < sent_; ++i) {
    const Item& item = items_[i];
    const auto same = [&](const End& end) { return end.last == item.range.last; };
    if (std::ranges::none_of(known_, same)) known_.push_back({item.range.last, item.hash});
  }
  while (known_.size() > kKnownMax) known_.pop_front();
  items_.clear();
  sent_ = 0;
  pending_.reset();
  skipped_ = false;
  restart_ = true;
}

void LaneFlight::lose_from(std::uint64_t seq) {
  lost_from_ = lost_from_ > acked_ ? std::min(lost_from_, seq) : seq;
}

bool LaneFlight::take_delivered() {
  std::uint64_t high = 0;
  for (const Item& item : items_) {
    if (!item.delivered) break;
    high = item.range.last;
  }
  if (high == 0) return false;
  accept(high);
  return true;
}

void LaneFlight::accept(std::uint64_t high) {
  ASSERT(high > acked_);
  acked_ = high;
  gone_ = 0;
  gone_sent_at_ = {};
  while (!items_.empty() && items_.front().range.last <= high) {
    if (items_.front().sent) {
      gone_sent_at_ = items_.front().sent_at;
      --sent_;
    }
    items_.pop_front();
    ++gone_;
  }
  std::erase_if(known_, [&](const End& end) { return end.last <= high; });
  if (pending_ && pending_->last <= high) {
    pending_.reset();
    skipped_ = false;
  }
}

LaneFlight::Item* LaneFlight::next_unsent() {
  return sent_ < items_.size() ? &items_[sent_] : nullptr;
}

LaneFlight::Item* LaneFlight::by_token(std::uint64_t token) {
  const auto at = std::ranges::find(items_, token, &Item::token);
  return at == items_.end() || token == 0 ? nullptr : &*at;
}

void LaneFlight::mark_sent(Item& item, std::uint64_t token, Instant now) {
  ASSERT(&item == next_unsent());
  item.token = token;
  item.sent = true;
  item.sent_at = now;
  item.bytes = {};
  ++sent_;
  may_pend_ = false;
  sent_high_ = std::max(sent_high_, item.range.last);
}

}  // namespace pinaflux
