#include "agent/agent/gatherer.h"

// A group's arena takes the masked copy of what an intake holds. Masking may lengthen values (a token
// for a short name), so an intake gets at most half of what the group has left: then a parcel that was
// admitted fits nearly always. Where it does not, the parcel waits, still raw, for the next group, which
// is empty; what does not fit into an empty group never will and is refused.
//
// The whole parcel is masked before any of it reaches the pipeline: masking has no state, so a parcel
// that turns out not to fit leaves no trace.

#include <algorithm>

#include "platform/base/text.h"

namespace pinaflux {

namespace {
constexpr std::size_t kBudgetMin = limits::kIntakeBytesMax / 16;
// Refusals of one group that are listed one by one; more are counted together, by source and reason. Those
// whose records are kept are few: they are listed in any case.
constexpr std::size_t kRefusalsApart = 255;

bool alike(const Refusal& a, const Refusal& b) {
  return a.source == b.source && a.reason == b.reason;
}

bool keeps_more(const Group& group, const Refusal& refusal) {
  const auto same = [&](const KeptRecord& kept) {
    return alike(group.refusals[kept.refusal], refusal);
  };
  return std::ranges::count_if(group.kept, same) < static_cast<std::ptrdiff_t>(Group::kKeptEach);
}

bool keeps_more_bytes(const Group& group, const Refusal& refusal, std::size_t bytes) {
  std::size_t held = 0, each = 0;
  for (const KeptBytes& kept : group.kept_bytes) {
    held += kept.packed.size();
    each += alike(group.refusals[kept.refusal], refusal) ? 1 : 0;
  }
  return each < Group::kKeptEach && held + bytes <= limits::kGroupRefusedBytesMax;
}

std::size_t intake_budget(const Group& group) {
  return std::min((group.arena.bytes_max() - group.arena.bytes_used()) / 2,
                  limits::kIntakeBytesMax);
}
}  // namespace

Gatherer::Gatherer(const std::vector<std::unique_ptr<Source>>& sources, Masker& masker,
                   Pipeline& pipeline, Shapes& shapes, std::optional<RawLane> raw)
    : sources_(sources),
      masker_(masker),
      pipeline_(pipeline),
      raw_(std::move(raw)),
      raw_shapes_(shapes),
      intake_(shapes) {
  masked_.reserve(limits::kIntakeRecordsMax);
}

Gatherer::Outcome Gatherer::gather(Group& group, const Moment& moment) {
  if (group.full()) return Outcome::full;
  if (next_parcel_ == intake_.parcels.size() && !pipeline_.holds_back()) poll(group);
  const bool nothing_came = intake_.parcels.empty();
  while (next_parcel_ < intake_.parcels.size()) {
    // A parcel that had no room comes first into an empty group: windows may not take its place again.
    if (!(waited_ && group.empty()) && !drain(group, moment)) return Outcome::full;
    if (pipeline_.holds_back()) return Outcome::idle;
    waited_ = !take(intake_.parcels[next_parcel_], group, moment);
    if (waited_) return Outcome::full;
    ++next_parcel_;
  }
  next_parcel_ = 0;
  intake_.reset();
  if (!drain(group, moment)) return Outcome::full;
  if (!waits()) return Outcome::idle;
  return nothing_came || group.full() ? Outcome::full : Outcome::more;
}

bool Gatherer::waits() const {
  return !pipeline_.holds_back() &&
         std::ranges::any_of(sources_, [](const auto& source) { return source->ready(); });
}

// False: something waits for another group.
bool Gatherer::drain(Group& group, const Moment& moment) {
  drained_.clear();
  const bool all_out = pipeline_.drain(moment, group, drained_);
  for (const Pipeline::Refused& r : drained_) {
    std::string node(r.node);
    if (!r.giver.empty()) node.append(KeptRecord::kGivenBy).append(r.giver);
    refuse(group, {.source = r.source, .reason = r.reason}, r.record, node, r.why);
  }
  return all_out;
}

void Gatherer::poll(Group& group) {
  next_parcel_ = 0;
  const std::size_t budget = intake_budget(group);
  intake_.reset(budget);
  if (budget < kBudgetMin || sources_.empty()) return;
  first_source_ = (first_source_ + 1) % sources_.size();
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    Source& source = *sources_[(first_source_ + i) % sources_.size()];
    if (source.ready()) source.poll(intake_);
  }
}

bool Gatherer::take(const Parcel& parcel, Group& group, const Moment& moment) {
  const bool keeps = raw_ && raw_->keeps(parcel.source);
  const bool fits = mask(parcel, group) &&
                    pipeline_.has_room(parcel.source, masked_, group, keeps ? masked_.size() : 0);
  if (!fits && !group.empty()) return false;
  std::string_view peer;
  const auto refusal = [&](Reason reason) {
    if (peer.empty() && !parcel.peer.empty()) peer = group.arena.copy(parcel.peer);
    return Refusal{.source = parcel.source, .reason = reason, .peer = peer};
  };
  std::uint64_t accepted = 0;
  if (fits) {
    for (const Record& record : masked_) {
      if (keeps && !keep(parcel.source, record, group)) {
        refuse(group, refusal(Reason::shapes_exhausted), record, {}, {});
        continue;
      }
      const auto outcome = pipeline_.process(parcel.source, record, moment, group);
      if (outcome.verdict == Pipeline::Verdict::taken) {
        ++accepted;
      } else {
        ASSERT(outcome.verdict != Pipeline::Verdict::no_room);
        refuse(group, refusal(outcome.reason), record, outcome.node, why_of(outcome));
      }
    }
    for (Reason reason : unmasked_) refuse(group, refusal(reason));
  } else {
    for (std::size_t i = parcel.records_begin; i < parcel.records_end; ++i) {
      refuse(group, refusal(Reason::too_large));
    }
  }
  const bool any = parcel.refusals_begin < parcel.refusals_end;
  if (any) refuse_bytes(parcel, refusal(Reason::malformed).peer, group);
  for (std::size_t i = parcel.cursors_begin; i < parcel.cursors_end; ++i) {
    group.cursors.push_back(std::move(intake_.cursors[i]));
  }
  group.receipt(parcel.source, parcel.ticket, accepted);
  return true;
}

Gatherer::Entry Gatherer::enter(std::span<const RawRecord> raw, SourceIndex source, LetterId letter,
                                Masker::Origin origin, Group& group, const Moment& moment) {
  using Outcome = Replay::Outcome;
  if (group.full() || !drain(group, moment) || pipeline_.holds_back()) return {};
  const Entry no_room{group.empty() ? Outcome::stays : Outcome::waits, Reason::too_large};
  // What stays as it is takes no room in a group that would not be committed for it.
  const auto give_back = [&](const Entry& entry) {
    if (group.empty()) group.reset();
    return entry;
  };
  masked_.clear();
  for (const RawRecord& record : raw) {
    const auto masked = masker_.mask(record, group.arena, origin);
    if (masked.verdict == Masker::Verdict::no_room) return give_back(no_room);
    if (masked.verdict == Masker::Verdict::refused) {
      return give_back({Outcome::stays, masked.reason});
    }
    masked_.push_back(*masked.record);
  }
  if (!pipeline_.has_room(source, masked_, group)) return give_back(no_room);
  Entry entry{Outcome::taken};
  for (const Record& record : masked_) {
    const auto processed = pipeline_.process(source, record, moment, group);
    if (processed.verdict == Pipeline::Verdict::taken) continue;
    ASSERT(processed.verdict != Pipeline::Verdict::no_room);
    refuse(group, {.source = source, .reason = processed.reason}, record, processed.node,
           why_of(processed));
    entry = {Outcome::refused, processed.reason};
  }
  group.replayed.push_back(letter);
  return entry;
}

// False when the group's arena ended before the parcel did.
bool Gatherer::mask(const Parcel& parcel, Group& group) {
  masked_.clear();
  unmasked_.clear();
  for (std::size_t i = parcel.records_begin; i < parcel.records_end; ++i) {
    auto outcome = masker_.mask(intake_.records[i], group.arena);
    if (outcome.verdict == Masker::Verdict::no_room) return false;
    if (outcome.verdict == Masker::Verdict::kept) {
      masked_.push_back(*outcome.record);
    } else {
      unmasked_.push_back(outcome.reason);
    }
  }
  return true;
}

// As it came: its values are the group's already.
bool Gatherer::keep(SourceIndex source, const Record& record, Group& group) {
  const Shape* const shape = raw_shapes_.kept(source, raw_->sources[source], record.shape());
  if (shape == nullptr) return false;
  group.records[raw_->lane].push_back(
      Record::derived(record, Row{shape, record.row().values, record.time()}));
  return true;
}

void Gatherer::refuse(Group& group, const Refusal& refusal) {
  refused_[static_cast<std::size_t>(refusal.reason)] += refusal.count;
  auto& refusals = group.refusals;
  for (std::size_t i = kRefusalsApart; i < refusals.size(); ++i) {
    if (!alike(refusals[i], refusal) || group.kept_of(i) != nullptr || group.bytes_of(i) != nullptr)
      continue;
    refusals[i].count += refusal.count;
    refusals[i].byte_count += refusal.byte_count;
    if (refusals[i].peer != refusal.peer) refusals[i].peer = {};
    return;
  }
  refusals.push_back(refusal);
}

std::vector<RefusedCount> Gatherer::refused() const {
  std::vector<RefusedCount> all;
  for (std::size_t r = 0; r <= static_cast<std::size_t>(Reason::no_lane); ++r) {
    const auto reason = static_cast<Reason>(r);
    if (refused(reason) > 0) all.push_back({reason_name(reason), refused(reason)});
  }
  return all;
}

// Those of the parcel, their bytes with the first of each sort.
void Gatherer::refuse_bytes(const Parcel& parcel, std::string_view peer, Group& group) {
  auto kept =
      std::ranges::lower_bound(intake_.kept_bytes, parcel.refusals_begin, {}, &KeptBytes::refusal);
  for (std::size_t i = parcel.refusals_begin; i < parcel.refusals_end; ++i) {
    Refusal refusal = intake_.refusals[i];
    refusal.peer = peer;
    const bool has_bytes = kept != intake_.kept_bytes.end() && kept->refusal == i;
    if (has_bytes && keeps_more_bytes(group, refusal, kept->packed.size())) {
      refused_[static_cast<std::size_t>(refusal.reason)] += refusal.count;
      group.kept_bytes.emplace_back(group.refusals.size(), std::move(kept->packed));
      group.refusals.push_back(refusal);
    } else {
      refuse(group, refusal);
    }
    if (has_bytes) ++kept;
  }
}

std::string_view Gatherer::why_of(const Pipeline::Outcome& outcome) const {
  return outcome.node.empty() ? std::string_view() : pipeline_.why();
}

void Gatherer::refuse(Group& group, const Refusal& refusal, const Record& record,
                      std::string_view node, std::string_view why) {
  if (!keeps_more(group, refusal)) return refuse(group, refusal);
  refused_[static_cast<std::size_t>(refusal.reason)] += refusal.count;
  group.kept.push_back(
      {group.refusals.size(), record, std::string(node), printable(why, KeptRecord::kWhyBytesMax)});
  group.refusals.push_back(refusal);
}

}  // namespace pinaflux
