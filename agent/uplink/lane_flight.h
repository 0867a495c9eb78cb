// LaneFlight: what of one lane is leased, what of that was sent, and which acks fit it.
//
// Promise    accept() moves only by an ack whose hash is that of the envelope that ends there, or
//            by delivery to the broker. An ack that does not fit changes nothing.
// Order      Items leave in the order leased; they go away from the front only, or all at once.
// Limits     Remembers the ends of at most kKnownMax envelopes that were sent and whose leases were
//            lost.
// Threads    Loop.
// Tests      tests/agent/uplink/
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "agent/data/lease.h"
#include "agent/seal/messages.h"
#include "platform/base/time.h"

namespace pinaflux {

class LaneFlight {
 public:
  struct Item {
    Range range;
    Digest hash{};
    Buffer bytes;             // Freed when sent: after a loss it is leased again.
    std::uint64_t token = 0;  // Not 0: sent, and its PUBACK has not come.
    bool sent = false;
    bool delivered = false;  // The broker has it.
    Instant sent_at{};
  };
  enum class Verdict {
    accepted,
    stale,    // Known already.
    pending,  // Fits if the envelope that ends there has this hash: told when that is leased.
    rejected,
  };
  enum class Taken {
    queued,
    covered,   // Acknowledged already: nothing to send.
    accepted,  // It proved the pending ack.
    broken,    // The pending ack did not fit; what was skipped for it must be leased again.
  };

  void committed(const Epoch& epoch, std::uint64_t last, std::uint64_t acked);
  Verdict judge(const AckMessage& ack);
  Taken take(Lease&& lease);
  // False: a batch that was leased before the spool was told of the loss: to be dropped, and the
  // loss told again. One at most follows a loss.
  bool in_order(const Lease& first_of_batch);
  // The leases are lost: what was sent is remembered by its end and hash.
  void lose();
  // A lease from there on was dropped.
  void lose_from(std::uint64_t seq);
  // A new connection: its answer to hello may name what an earlier run sent.
  void greet() { may_pend_ = true; }
  // Broker mode: takes the delivered items at the front away. True if acked() rose.
  bool take_delivered();

  Item* next_unsent();
  Item* by_token(std::uint64_t token);
  void mark_sent(Item& item, std::uint64_t token, Instant now);
  bool was_sent_before(const Item& item) const { return item.range.last <= sent_high_; }

  std::size_t in_flight() const { return sent_; }
  std::size_t waiting() const { return items_.size() - sent_; }
  bool pending() const { return pending_.has_value(); }
  bool holds_leases() const { return !items_.empty() || skipped_; }
  const Epoch& epoch() const { return epoch_; }
  bool epoch_known() const { return epoch_known_; }
  std::uint64_t acked() const { return acked_; }
  std::uint64_t committed_last() const { return committed_last_; }
  // Of the last accept(): how many envelopes went, and when the last of them was sent (0: never).
  std::size_t gone() const { return gone_; }
  Instant gone_sent_at() const { return gone_sent_at_; }

 private:
  static constexpr std::size_t kKnownMax = limits::kWindowMax;
  struct End {
    std::uint64_t last;
    Digest hash;
  };

  void accept(std::uint64_t high);
  void turn_to(const Epoch& epoch);

  Epoch epoch_{};
  bool epoch_known_ = false;
  std::uint64_t acked_ = 0, committed_last_ = 0, sent_high_ = 0;
  std::deque<Item> items_;  // The first `sent_` of them are sent.
  std::size_t sent_ = 0;
  std::deque<End> known_;
  std::optional<End> pending_;
  bool may_pend_ = false;  // Nothing was sent since greet().
  bool skipped_ = false;   // Leases were dropped unsent, for the pending ack's sake.
  bool restart_ = false;   // lose() happened, and no batch came since.
  std::uint64_t lost_from_ = 0;
  std::size_t gone_ = 0;
  Instant gone_sent_at_{};
};

}  // namespace pinaflux
