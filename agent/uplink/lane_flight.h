// LaneFlight: what of one lane is leased, what of that was sent, and which acks fit it.
//
// Promise    An ack is believed if its hash is that of an envelope which ends where it does, and which
//            is leased or was sent. One that nothing here proves or disproves is for the spool to judge.
// Order      Items leave in the order leased.
// Limits     Remembers the ends of at most kKnownMax envelopes that were sent and whose leases were
//            lost. Passes on at most kUnprovedMax unproved acks of one connection.
// Threads    Loop.
// Tests      tests/agent/uplink/
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "agent/data/group.h"
#include "agent/data/lease.h"
#include "agent/seal/messages.h"
#include "agent/uplink/translator.h"
#include "platform/base/time.h"

namespace pinaflux {

// Once; `at` is 0: never, or more than once.
struct Sending {
  Instant at{};
  std::size_t ahead = 0;  // Envelopes that were in flight by then.
  friend auto operator<=>(const Sending&, const Sending&) = default;
};

class LaneFlight {
 public:
  struct Item {
    Range range;
    Digest hash{};
    std::uint64_t records = 0;
    std::shared_ptr<const SentDictionary> dictionary;  // That it was packed with; null: none.
    Buffer bytes;                   // Freed when sent: after a loss it is leased again.
    std::vector<OutMessage> parts;  // What is sent in its place, once it is translated;
    std::size_t handed = 0;         // so many of them are on their way.
    // Of what was sent and has no PUBACK yet: its token, and which part it is; in order.
    std::vector<std::pair<std::uint64_t, std::size_t>> tokens;
    bool translated = false;
    enum class Fate : std::uint8_t { open, wanted, unwanted };  // It had a subscriber, or had none.
    struct Part {
      std::size_t topic = 0;  // Its hash.
      Fate fate = Fate::open;
    };
    std::vector<Part> fates;  // Of the parts.
    bool posted = false;      // Some of it was handed over, not only known to have been.
    bool sent = false;        // All of it.
    bool delivered = false;   // The broker has it.
    Sending sending;
    // Nobody may want some topics. But where one part of a topic had a subscriber and another had none, he was late; and
    // where no part had any, all of them are.
    bool lacks_subscriber() const;
    // So many parts, from the first one on, need not be sent again.
    std::size_t parts_done() const;
    // Refused for this. A record alone may be given up once something else of the lane is taken; what came back
    // although it was given up waits for the lane's rest.
    std::string waits_for = {};
    bool came_back = false;
  };
  // What an ack says; nothing of it: all of that was known.
  struct Verdict {
    bool accepted = false;  // Some of it fits what is leased or was sent.
    bool unproved = false;  // Some of it does neither fit nor contradict that.
    bool rejected = false;  // Some of it contradicts that, and was left out.
  };

  void committed(const Epoch& epoch, std::uint64_t last, std::uint64_t acked);
  // What the spool is to be told is appended to `acks`, as of lane `index`. What was compared and is known in part
  // is out of our hands: the spool sends the rest anew.
  Verdict judge(const AckMessage& ack, LaneIndex index, std::vector<LaneAck>& acks);
  // The item that the far end cannot take; null: nothing that was sent has this range and hash.
  Item* refused(const RefusedEnvelope& refused);
  // True from the second time on: once it may have been damaged on its way.
  bool refused_again(const Item& item);
  // False: it was given back before, and came again. The time after that it may be once more.
  bool give_back(const Item& item);
  // Of the records alone that were refused and wait: the first; null: none.
  Item* first_waiting();
  std::size_t waits() const;               // What was refused and waits, all of it;
  const std::string& refused_for() const;  // and why the first of it does.
  // Whether nothing else is there that could be taken.
  bool only_waits() const;
  // Drops a lease of a round that is over, and one of what is acknowledged.
  void take(Lease&& lease);
  // The leases are lost: what was sent is remembered by its end and hash, and another round begins.
  void lose();
  // A new connection: its answer to hello may say again what the spool did not believe.
  void greet();
  // Broker mode: takes the delivered items at the front away, into `acks`. False: there are none.
  bool take_delivered(LaneIndex index, std::vector<LaneAck>& acks);

  Item* next_unsent();
  const Item* next_unsent() const;
  Item* by_token(std::uint64_t token);
  void mark_sent(Item& item, const Sending& sending);
  // How many of its parts, from the first one on, the broker had before the lease was lost.
  std::size_t parts_done(const Item& item) const;
  bool was_sent_before(const Item& item) const { return known(item.range.last) != nullptr; }

  std::uint32_t round() const { return round_; }
  std::size_t in_flight() const { return sent_ - waits(); }
  bool any_sent(const std::function<bool(const Item&)>& is_it) const;
  bool is_posting() const;  // Something that is sent has no PUBACK yet.
  std::size_t waiting() const { return items_.size() - sent_; }
  bool sent_since_greeting() const { return sent_since_greeting_; }
  bool holds_leases() const { return !items_.empty(); }
  const Epoch& epoch() const { return epoch_; }
  bool epoch_known() const { return epoch_known_; }
  std::uint64_t acked() const { return acked_; }
  std::uint64_t committed_last() const { return committed_last_; }
  // Of the last judge() or take_delivered(): how many envelopes went, and how the last of those that were sent once was
  // sent.
  std::size_t gone() const { return gone_; }
  bool records_gone() const { return records_gone_; }  // Not declarations of loss only.
  const Sending& gone_sending() const { return gone_sending_; }

 private:
  static constexpr std::size_t kKnownMax = limits::kWindowMax;
  // A window that waits, one that is in flight, and what was split into them: what is forgotten counts as refused for the
  // first time, and is sent once more.
  static constexpr std::size_t kRefusedMax = 4 * limits::kWindowMax;
  static constexpr std::size_t kUnprovedMax = 4 * limits::kLandedRangesMax;
  struct End {
    std::uint64_t last;
    Digest hash;
  };
  struct Told {
    Range range;
    bool proved;
  };
  enum class Proof { fits, contradicts, none };

  void judge_one(const LandedRange& landed, const std::vector<Range>* known, LaneIndex index,
                 std::vector<LaneAck>& acks, Verdict& verdict);
  Proof prove(const LandedRange& landed) const;
  const End* known(std::uint64_t last) const;
  void remember(const End& end);
  bool told(const Range& range, bool proved) const;
  void remember_told(const Told& told);
  void accept(const LandedRange& landed);
  void turn_to(const Epoch& epoch);

  Epoch epoch_{};
  bool epoch_known_ = false;
  std::uint64_t acked_ = 0, committed_last_ = 0;
  std::uint32_t round_ = 0;
  std::deque<Item> items_;  // The first `sent_` of them are sent.
  std::size_t sent_ = 0;
  std::deque<End> known_;
  std::vector<std::pair<Digest, std::size_t>> parts_done_;  // Of leases that were lost last.
  using Named = std::pair<Range, Digest>;
  std::deque<Named> given_back_;
  std::deque<Named> refused_;  // Once.
  std::vector<Told> told_;     // To the spool, on this connection, and not within acked_.
  std::size_t unproved_ = 0;   // Passed on since greet().
  bool sent_since_greeting_ = false;
  std::size_t gone_ = 0;
  bool records_gone_ = false;
  Sending gone_sending_;
};

}  // namespace pinaflux
