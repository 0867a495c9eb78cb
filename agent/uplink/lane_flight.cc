// An ack names what has landed: all from `from` to `high`, and ranges above it, each with the hash of the envelope
// that it ends with. Whatever the hash is right for is the truth, because it binds everything before it in the range:
//
//   sent       [1-10] [11-20] [21-30]      ack: high 20, hash of 11-20     fits: 1-20 are gone
//   after a    nothing is leased yet       ack: high 300, some hash        unproved: the spool has the
//   restart                                                                envelope, and looks
//
// Leases of which nothing is known any more (the link broke, the lane was refused) belong to a round that
// is over. The next wish names the new round; what was on its way meanwhile names the old one.

#include "agent/uplink/lane_flight.h"

#include <algorithm>
#include <utility>

#include "platform/base/assert.h"

namespace pinaflux {

namespace {

bool within(const Range& inner, const Range& outer) {
  return inner.first >= outer.first && inner.last <= outer.last;
}

constexpr std::size_t kToldMax = limits::kLandedRangesMax + 1;

}  // namespace

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
  acked_ = committed_last_ = 0;
  known_.clear();
  told_.clear();
}

LaneFlight::Verdict LaneFlight::judge(const AckMessage& ack, LaneIndex index,
                                      std::vector<LaneAck>& acks) {
  Verdict verdict;
  gone_ = 0;
  records_gone_ = false;
  gone_sending_ = {};
  if (!epoch_known_ || ack.epoch != epoch_) return {.rejected = true};
  const LandedRange prefix{{ack.from, ack.high}, ack.hash};
  if (prefix.range.count() > 0) judge_one(prefix, nullptr, index, acks, verdict);
  for (const LandedRange& landed : ack.landed) judge_one(landed, nullptr, index, acks, verdict);
  for (const Comparison& compared : ack.compared) {
    judge_one({compared.range, compared.hash}, is_known(compared) ? nullptr : &compared.known,
              index, acks, verdict);
  }
  return verdict;
}

void LaneFlight::judge_one(const LandedRange& landed, const std::vector<Range>* known,
                           LaneIndex index, std::vector<LaneAck>& acks, Verdict& verdict) {
  if (landed.range.last <= acked_) return;
  Proof proof = landed.range.last > committed_last_ ? Proof::contradicts : prove(landed);
  // The last part of an envelope that was split has the whole's end and hash; what is known of the whole is the spool's
  // to judge.
  const auto part = [&](const Item& i) {
    return i.range.last == landed.range.last && i.range != landed.range;
  };
  if (known != nullptr && std::ranges::any_of(items_, part)) proof = Proof::none;
  if (proof == Proof::contradicts) {
    verdict.rejected = true;
    return;
  }
  if (told(landed.range, proof == Proof::fits)) return;
  LaneAck ack{index, epoch_, landed.range};
  if (known != nullptr) ack.known = *known;
  if (proof == Proof::fits) {
    verdict.accepted = true;
    if (known != nullptr) ack.unproved = landed.hash;
    acks.push_back(std::move(ack));
    accept(landed);
  } else if (unproved_ < kUnprovedMax) {
    ++unproved_;
    verdict.unproved = true;
    ack.unproved = landed.hash;
    acks.push_back(std::move(ack));
    remember_told({landed.range, false});
  }
}

LaneFlight::Proof LaneFlight::prove(const LandedRange& landed) const {
  const std::uint64_t last = landed.range.last;
  const auto compare = [&](const Digest& hash) {
    return hash == landed.hash ? Proof::fits : Proof::contradicts;
  };
  for (const Item& item : items_) {
    if (item.range.last == last) return compare(item.hash);
  }
  if (const End* end = known(last)) return compare(end->hash);
  const auto holds = [&](const Item& i) { return i.range.first <= last && last < i.range.last; };
  return std::ranges::any_of(items_, holds) ? Proof::contradicts : Proof::none;
}

const LaneFlight::End* LaneFlight::known(std::uint64_t last) const {
  const auto at = std::ranges::find(known_, last, &End::last);
  return at == known_.end() ? nullptr : &*at;
}

void LaneFlight::remember(const End& end) {
  if (known(end.last) != nullptr) return;
  known_.push_back(end);
  if (known_.size() > kKnownMax) known_.pop_front();
}

bool LaneFlight::told(const Range& range, bool proved) const {
  return std::ranges::any_of(
      told_, [&](const Told& t) { return within(range, t.range) && (t.proved || !proved); });
}

void LaneFlight::remember_told(const Told& told) {
  std::erase_if(told_, [&](const Told& t) {
    return t.range.last <= acked_ || (within(t.range, told.range) && (told.proved || !t.proved));
  });
  if (told_.size() >= kToldMax) told_.erase(told_.begin());
  told_.push_back(told);
}

void LaneFlight::accept(const LandedRange& landed) {
  const Range& range = landed.range;
  if (range.first <= acked_ + 1) acked_ = std::max(acked_, range.last);
  for (std::size_t i = items_.size(); i-- > 0;) {
    const Item& item = items_[i];
    if (!within(item.range, range)) continue;
    if (item.sent) {
      gone_sending_ = std::max(gone_sending_, item.sending);
      --sent_;
    }
    ++gone_;
    records_gone_ = records_gone_ || item.records > 0;
    items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  std::erase_if(known_, [&](const End& end) {
    return end.last <= acked_ || (end.last >= range.first && end.last < range.last);
  });
  if (range.last > acked_) remember({range.last, landed.hash});
  remember_told({range, true});
}

LaneFlight::Item* LaneFlight::first_waiting() {
  const auto at = std::ranges::find_if(
      items_, [](const Item& i) { return !i.waits_for.empty() && i.records == 1 && !i.came_back; });
  return at == items_.end() ? nullptr : &*at;
}

std::size_t LaneFlight::waits() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(items_, [](const Item& i) { return !i.waits_for.empty(); }));
}

const std::string& LaneFlight::refused_for() const {
  const auto at = std::ranges::find_if(items_, [](const Item& i) { return !i.waits_for.empty(); });
  ASSERT(at != items_.end());
  return at->waits_for;
}

bool LaneFlight::only_waits() const {
  const auto answered = [](const Item& i) { return !i.waits_for.empty() || i.delivered; };
  return std::ranges::all_of(items_, answered);
}

LaneFlight::Item* LaneFlight::refused(const RefusedEnvelope& refused) {
  const auto at = std::ranges::find_if(items_, [&](const Item& item) {
    return item.sent && item.range == refused.range && item.hash == refused.hash;
  });
  return at == items_.end() ? nullptr : &*at;
}

bool LaneFlight::refused_again(const Item& item) {
  const Named named{item.range, item.hash};
  if (std::ranges::contains(refused_, named)) return true;
  refused_.push_back(named);
  if (refused_.size() > kRefusedMax) refused_.pop_front();
  return false;
}

bool LaneFlight::give_back(const Item& item) {
  const Named named{item.range, item.hash};
  if (std::erase(given_back_, named) > 0) return false;
  given_back_.push_back(named);
  if (given_back_.size() > kRefusedMax) given_back_.pop_front();
  return true;
}

void LaneFlight::take(Lease&& lease) {
  if (lease.round != round_) return;
  turn_to(lease.epoch);
  committed_last_ = std::max(committed_last_, lease.range.last);
  if (lease.range.last <= acked_) return;
  Item item;
  item.range = lease.range;
  item.hash = lease.hash;
  item.records = lease.records;
  item.dictionary = std::move(lease.dictionary);
  item.bytes = std::move(lease.bytes);
  items_.push_back(std::move(item));
}

bool LaneFlight::Item::lacks_subscriber() const {
  const auto was_wanted = [this](const Part& part) {
    return std::ranges::any_of(fates, [&](const Part& other) {
      return other.fate == Fate::wanted && other.topic == part.topic;
    });
  };
  const auto late = [&](const Part& part) {
    return part.fate == Fate::unwanted && was_wanted(part);
  };
  return !fates.empty() &&
         (std::ranges::none_of(fates, [](const Part& p) { return p.fate == Fate::wanted; }) ||
          std::ranges::any_of(fates, late));
}

std::size_t LaneFlight::Item::parts_done() const {
  const std::size_t answered = tokens.empty() ? handed : tokens.front().second;
  const auto unwanted = std::ranges::find(fates, Fate::unwanted, &Part::fate);
  return std::min(answered, static_cast<std::size_t>(unwanted - fates.begin()));
}

void LaneFlight::lose() {
  for (std::size_t i = 0; i < sent_; ++i) {
    remember({items_[i].range.last, items_[i].hash});
  }
  // A lease that was lost again before it was looked at keeps what is known of it.
  std::vector<std::pair<Digest, std::size_t>> done;
  for (const Item& item : items_) {
    const std::size_t most = item.translated ? item.parts_done() : parts_done(item);
    if (most > 0) done.emplace_back(item.hash, most);
  }
  // Of what is not leased now, what was known stays.
  for (const auto& known : parts_done_) {
    const bool leased = std::ranges::contains(items_, known.first, &Item::hash);
    if (!leased && done.size() < kKnownMax) done.push_back(known);
  }
  parts_done_ = std::move(done);
  items_.clear();
  sent_ = 0;
  ++round_;
}

std::size_t LaneFlight::parts_done(const Item& item) const {
  const auto at = std::ranges::find(parts_done_, item.hash, &std::pair<Digest, std::size_t>::first);
  return at == parts_done_.end() ? 0 : at->second;
}

void LaneFlight::greet() {
  sent_since_greeting_ = false;
  unproved_ = 0;
  told_.clear();
}

bool LaneFlight::take_delivered(LaneIndex index, std::vector<LaneAck>& acks) {
  gone_ = 0;
  records_gone_ = false;
  gone_sending_ = {};
  std::optional<Range> run;
  const auto tell = [&] {
    if (run) acks.push_back({index, epoch_, *run});
  };
  while (!items_.empty() && items_.front().delivered) {
    const LandedRange delivered{items_.front().range, items_.front().hash};
    const Range& range = delivered.range;
    if (run && run->last + 1 == range.first) {
      run->last = range.last;
    } else if (run && range.last + 1 == run->first) {
      run->first = range.first;
    } else {
      tell();
      run = range;
    }
    accept(delivered);
  }
  tell();
  return run.has_value();
}

LaneFlight::Item* LaneFlight::next_unsent() {
  return sent_ < items_.size() ? &items_[sent_] : nullptr;
}

const LaneFlight::Item* LaneFlight::next_unsent() const {
  return sent_ < items_.size() ? &items_[sent_] : nullptr;
}

LaneFlight::Item* LaneFlight::by_token(std::uint64_t token) {
  const auto at = std::ranges::find_if(items_, [&](const Item& item) {
    return std::ranges::contains(item.tokens, token, &std::pair<std::uint64_t, std::size_t>::first);
  });
  return at == items_.end() ? nullptr : &*at;
}

bool LaneFlight::any_sent(const std::function<bool(const Item&)>& is_it) const {
  return std::ranges::any_of(items_, [&](const Item& item) { return item.sent && is_it(item); });
}

bool LaneFlight::is_posting() const {
  return std::ranges::any_of(items_,
                             [](const Item& item) { return item.sent && !item.tokens.empty(); });
}

void LaneFlight::mark_sent(Item& item, const Sending& sending) {
  ASSERT(&item == next_unsent());
  item.sent = true;
  item.sending = was_sent_before(item) ? Sending{} : sending;
  item.bytes = {};
  item.parts = {};
  ++sent_;
  sent_since_greeting_ = true;
}

}  // namespace pinaflux
