// A database is a sequence of transactions, and after a crash it is as it was after one of them. So the
// recording is followed once, and at every sync and at every promise the disk is copied, opened and hashed:
// these are the moments. A moment that keeps a promise is proved, record by record. A crash state then
// needs one hash: it must equal that of a moment within its bounds, and with it inherits the proof.
//
//   moments        0----1----2----3----4
//   promises            a         b               a is kept by moment 1, b by moment 3
//   crash here                       ^            3 or 4 may be found, and nothing else
//
// Pages are hashed, which is cheap. The same rows in other pages (a file that was begun twice) are seen by a
// hash of the rows.

#include "tests/sim/crash/oracle.h"

#include <algorithm>

#include "tests/sim/crash/canary.h"

namespace pinaflux::crash {

namespace {

constexpr std::size_t kDrainRounds = 1'000;
constexpr std::size_t kFurtherCommits = 3;

}  // namespace

Oracle::Oracle(const Recording& recording, Rig& rig)
    : recording_(recording), rig_(rig), records_(rig.vault()) {
  wrong_ = recording.wrong;
  if (wrong_.empty()) follow();
  if (wrong_.empty()) wrong_ = rig.leak();
}

void Oracle::follow() {
  sim::Medium medium(recording_.medium);
  medium.reset(recording_.initial);
  Random random(recording_.medium_seed);
  std::size_t mark = 0;
  for (std::size_t i = 0; i <= recording_.history.size() && wrong_.empty(); ++i) {
    const auto image = [&] { return medium.cut(sim::Survival::all, random); };
    for (; mark < recording_.marks.size() && recording_.marks[mark].settled == i; ++mark) {
      note(image(), i, mark);
    }
    if (i == recording_.history.size()) break;
    // What fails to be synced may all the same be on the disk by then.
    if (recording_.history[i]->kind > sim::Operation::Kind::sync) note(image(), i, kNone);
    medium.add(recording_.history[i], random);
    if (recording_.history[i]->is_sync()) note(image(), i + 1, kNone);
  }
}

void Oracle::note(const sim::Image& image, std::size_t operations, std::size_t mark) {
  const std::size_t last = mark == kNone ? moment_of_mark_.size() - 1 : mark;
  const Mark& in_force = recording_.marks[last];
  if (mark == kNone && in_force.damaged) return;
  Moment moment{.operations = operations, .mark = mark};
  if (Status s = rig_.open(image, *in_force.options, in_force.age); !s) {
    wrong_ = std::string("the spool does not open after an orderly stop: ") + s.error().what;
    return;
  }
  const auto complaints = rig_.complaints(in_force.truth->salvaged);
  if (!complaints.empty()) wrong_ = "without a crash: " + complaints.front();
  moment.pages = hash_pages();
  moment.rows = hash_rows();
  const bool same = !moments_.empty() && moments_.back().rows == moment.rows;
  if (!same) moments_.push_back(moment);
  if (mark == kNone) return;
  // The promise of damage to come is weaker than the one before it.
  if (!in_force.damaged) moments_.back().mark = mark;
  moment_of_mark_.push_back(moments_.size() - 1);
  if (std::string wrong = prove(moments_.size() - 1, *in_force.options);
      !wrong.empty() && wrong_.empty()) {
    wrong_ = "without a crash, after promise " + std::to_string(mark) + ": " + wrong;
  }
}

Oracle::Bounds Oracle::bounds(std::size_t operations) const {
  Bounds bounds;
  const auto& marks = recording_.marks;
  for (std::size_t i = 0; i < moment_of_mark_.size(); ++i) {
    if (marks[i].settled <= operations) {
      bounds.mark = &marks[i];
      bounds.mark_index = i;
    }
    if (marks[i].reported > operations) continue;
    bounds.first = moment_of_mark_[i];
    bounds.damaged = marks[i].damaged;
  }
  const auto next =
      std::ranges::find_if(moments_, [&](const Moment& m) { return m.operations >= operations; });
  bounds.last = next == moments_.end() ? moments_.size() - 1
                                       : static_cast<std::size_t>(next - moments_.begin());
  bounds.last = std::max(bounds.first, bounds.last);
  return bounds;
}

std::string Oracle::wrong_with(const Bounds& bounds, std::size_t& moment) {
  const SpoolOptions& options = *bounds.mark->options;
  moment = kNone;
  if (rig_.bytes_used(options) > options.bytes_max) return "the spool passes its bound";
  if (bounds.damaged) return wrong_after_damage(bounds);
  const auto complaints = rig_.complaints(bounds.mark->truth->salvaged);
  if (!complaints.empty()) return complaints.front();
  const std::uint64_t pages = hash_pages();
  for (std::size_t i = bounds.last + 1; i-- > bounds.first;) {
    if (moments_[i].pages != pages) continue;
    moment = i;
    return {};
  }
  const std::uint64_t rows = hash_rows();
  for (std::size_t i = bounds.last + 1; i-- > bounds.first;) {
    if (moments_[i].rows != rows) continue;
    moment = i;
    return {};
  }
  if (!options.key.empty() || !options.key_previous.empty()) return wrong_under_keys(bounds);
  const auto known = std::ranges::find(moments_, rows, &Moment::rows);
  return known == moments_.end() ? "the spool holds what it never held after a transaction"
         : known < moments_.begin() + static_cast<std::ptrdiff_t>(bounds.first)
             ? "a transaction that was reported is lost"
             : "the spool holds what had not been committed yet";
}

// An opening that was cut off leaves a key, and the next one writes under another: the same notes and chains
// in other bytes. So what the spool holds is proved record by record.
std::string Oracle::wrong_under_keys(const Bounds& bounds) {
  const SpoolOptions& options = *bounds.mark->options;
  const sim::Image image = rig_.disk().image();
  std::string wrong = "under its keys the spool holds nothing that was promised";
  for (std::size_t i = bounds.last + 1; i-- > bounds.first;) {
    if (moments_[i].mark == kNone) continue;
    if (Status s = rig_.open(image, options, bounds.mark->age); !s) {
      return std::string("the spool does not open again: ") + s.error().what;
    }
    wrong = prove(i, options);
    if (wrong.empty()) return {};
  }
  return wrong;
}

std::string Oracle::prove(std::size_t moment, const SpoolOptions& options) {
  if (moment >= moments_.size() || moments_[moment].mark == kNone) return {};
  const std::size_t mark = moments_[moment].mark;
  const Truth& truth = *recording_.marks[mark].truth;
  std::vector<Far> far;
  if (std::string wrong = wrong_with_notes(truth); !wrong.empty()) return wrong;
  if (std::string wrong = wrong_with_lanes(truth, far); !wrong.empty()) return wrong;
  if (std::string wrong = drain(mark, far); !wrong.empty()) return wrong;
  return go_on(mark, options, far);
}

std::string Oracle::wrong_with_notes(const Truth& truth) {
  std::map<std::pair<std::string, std::string>, Buffer> cursors;
  for (const auto& [source, all] : rig_.spool().cursors()) {
    for (const auto& [key, value] : all) cursors[{source, key}] = value;
  }
  if (cursors != truth.cursors) return "cursors are not the last that were committed";
  std::map<std::string, Buffer> states;
  for (const StateEdit& state : rig_.spool().states()) states[state.key] = state.value;
  if (states != truth.states) return "states are not the last that were committed";
  if (rig_.spool().state().dead_letters != truth.letters) return "dead letters are missing";
  return {};
}

// Damage that is met only when its row is read ends the spool and sets the file aside; the next start salvages it.
std::string Oracle::wrong_after_damage(const Bounds& bounds) {
  damage_met_ = false;
  const std::string wrong = wrong_with_salvaged(bounds);
  if (!damage_met_) return wrong;
  if (Status s = rig_.open_again(*bounds.mark->options); !s) {
    return std::string("the spool does not open after damage: ") + s.error().what;
  }
  return wrong_with_salvaged(bounds);
}

// Positions may be lost with a file, but none is anything else than it was.
std::string Oracle::wrong_with_salvaged(const Bounds& bounds) {
  const Truth& truth = *bounds.mark->truth;
  for (const auto& [source, all] : rig_.spool().cursors()) {
    for (const auto& [key, value] : all) {
      const auto known = truth.cursors.find({source, key});
      if (known == truth.cursors.end() || known->second != value) return "a cursor was made up";
    }
  }
  for (const StateEdit& state : rig_.spool().states()) {
    const auto known = truth.states.find(state.key);
    if (known == truth.states.end() || known->second != state.value) return "a state was made up";
  }
  if (rig_.spool().state().dead_letters > truth.letters) return "a dead letter was salvaged twice";
  std::vector<Far> far;
  if (std::string wrong = wrong_with_lanes(truth, far); !wrong.empty()) return wrong;
  if (std::string wrong = drain(bounds.mark_index, far); !wrong.empty()) return wrong;
  return go_on(bounds.mark_index, *bounds.mark->options, far);
}

// The counters; and where the far end stands, by lane of the spool.
std::string Oracle::wrong_with_lanes(const Truth& truth, std::vector<Far>& far) {
  std::map<std::string, LaneTruth> missing = truth.lanes;
  for (const LaneState& lane : rig_.spool().state().lanes) {
    const std::string key = lane_key(lane);
    const auto at = missing.find(key);
    if (at == missing.end()) {
      if (lane.next_seq != 1) return "lane " + key + " has records that nobody gave it";
      far.emplace_back();
      continue;
    }
    const LaneTruth& known = at->second;
    if (lane.next_seq != known.next_seq) {
      return "lane " + key + " counts to " + std::to_string(lane.next_seq) + ", not " +
             std::to_string(known.next_seq);
    }
    if (lane.acked > known.landed) return "lane " + key + " forgot what the far end has not";
    const auto chain = recording_.chains.find({key, lane.acked});
    if (lane.acked > 0 && chain == recording_.chains.end()) {
      if (!recording_.was_split(key, lane.acked)) {
        return "lane " + key + " was acknowledged within an envelope";
      }
      far.push_back({known.landed, known.chain, known.landed});
    } else {
      far.push_back({lane.acked, lane.acked > 0 ? chain->second : Digest{}});
    }
    missing.erase(at);
  }
  for (const auto& [key, lane] : missing) {
    if (lane.landed + 1 < lane.next_seq) return "lane " + key + " is gone with what it held";
  }
  return {};
}

// What had landed out of order, before `first`, need not be sent any more.
void Oracle::skip_landed(const std::string& lane, std::size_t mark, std::uint64_t first,
                         Far& far) const {
  const auto& lanes = recording_.marks[mark].truth->lanes;
  const auto known = lanes.find(lane);
  if (known != lanes.end()) absorb(far.landed, far.chain, known->second.above, first);
}

std::string Oracle::take(const Lease& lease, std::size_t mark, Far& far) {
  const LaneState lane = rig_.spool().state().lanes[lease.lane];
  const std::string key = lane_key(lane);
  if (std::string wrong = wrong_with_bytes(lease.bytes, "sent"); !wrong.empty()) return wrong;
  if (lease.range.last <= far.whole) return {};
  skip_landed(key, mark, lease.range.first, far);
  if (std::string wrong = reader_.wrong_with(lease, lane, far.landed, far.chain); !wrong.empty()) {
    return wrong;
  }
  const bool is_loss = !reader_.reason().empty();
  const auto& lanes = recording_.marks[mark].truth->lanes;
  const auto known = lanes.find(key);
  const bool may = known == lanes.end() || known->second.may_lose ||
                   (known->second.damaged && reader_.reason() == "damaged");
  if (is_loss && !may) {
    return "lane " + key + " lost records (" + reader_.reason() + ")";
  }
  far = {lease.range.last, lease.hash};
  return recording_.wrong_with_resend(key, lease, reader_.every(), mark);
}

std::string Oracle::drain(std::size_t mark, std::vector<Far>& far) {
  LeaseWish wish;
  wish.envelopes.fill(16);
  std::vector<Lease> leases;
  Group acks;
  for (std::size_t round = 0; round < kDrainRounds; ++round) {
    leases.clear();
    const Stamp now = Stamp::wall(rig_.clock().wall());
    if (Status s = rig_.spool().commit(acks, wish, now, leases); !s) {
      damage_met_ = s.error().code == Code::corrupt;
      return std::string("draining fails: ") + s.error().what;
    }
    if (leases.empty() && acks.acks.empty()) break;
    acks.reset();
    for (const Lease& lease : leases) {
      if (std::string wrong = take(lease, mark, far[lease.lane]); !wrong.empty()) return wrong;
      acks.acks.push_back({lease.lane, lease.epoch, {1, lease.range.last}});
    }
  }
  const auto lanes = rig_.spool().state().lanes;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    skip_landed(lane_key(lanes[i]), mark, lanes[i].next_seq, far[i]);
    if (far[i].landed + 1 != lanes[i].next_seq) return "lane " + lanes[i].name + " is not drained";
    if (lanes[i].records_queued != 0) return "an acknowledged record is still queued";
  }
  return {};
}

// A few more commits, a restart, and they are there.
std::string Oracle::go_on(std::size_t mark, const SpoolOptions& options, std::vector<Far>& far) {
  const LeaseWish nothing;
  std::vector<Lease> leases;
  std::vector<std::uint64_t> next;
  for (std::size_t i = 0; i < options.lanes.size(); ++i) next.push_back(far[i].landed + 1);
  for (std::size_t round = 0; round < kFurtherCommits; ++round) {
    for (std::size_t i = 0; i < options.lanes.size(); ++i) {
      const auto lane = static_cast<LaneIndex>(i);
      records_.add(group_, lane, options.lanes[i].name, next[i]++, 20);
    }
    const Status s = rig_.spool().commit(group_, nothing, Stamp::wall(rig_.clock().wall()), leases);
    group_.reset();
    if (!s) return std::string("a further commit fails: ") + s.error().what;
  }
  if (Status s = rig_.open_again(options); !s) return "the spool does not open any more";
  const auto complaints = rig_.complaints(recording_.marks[mark].truth->salvaged);
  if (!complaints.empty()) return complaints.front();
  far.resize(rig_.spool().state().lanes.size());
  std::string wrong = drain(mark, far);
  for (std::size_t i = 0; i < options.lanes.size() && wrong.empty(); ++i) {
    if (far[i].landed + 1 != next[i]) wrong = "what was committed after the crash is gone";
  }
  return wrong;
}

}  // namespace pinaflux::crash
