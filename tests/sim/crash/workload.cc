// A step is what an agent does in a turn, or what happens to it: a group is committed, with the acks that
// have come; what was leased is delivered, or lost with the link; time passes; the agent is restarted, with
// another configuration perhaps. Sizes and odds follow from the theme. The far end here is honest: it acks
// what it has, or a part of it, or that twice, or another epoch's, or what nobody has sent.

#include "tests/sim/crash/workload.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <tuple>

#include "tests/sim/crash/canary.h"
#include "tests/sim/crash/damage.h"

namespace pinaflux::crash {

namespace {

constexpr const char* kParent = "/var/lib";
constexpr const char* kDirectory = "/var/lib/pinaflux";
constexpr std::size_t kErrorsMax = 40;  // In a row: the workload gives up.
constexpr std::uint64_t kLargeDisk = std::uint64_t{1} << 40;
constexpr std::uint64_t kRefusals = 6;      // Of a reservation, each half of the one before it.
constexpr std::size_t kTooLarge = 130'000;  // Of noise: fits into no envelope.

// It is a dead letter, besides its tombstone.
bool too_large(const Record& record) {
  return std::ranges::any_of(record.cells(), [](const Value& value) {
    return value.is_view() && value.as_text().size() >= kTooLarge;
  });
}

sim::SimDisk::Options disk_options(std::uint64_t seed, std::uint64_t number, Mutant mutant) {
  sim::SimDisk::Options options;
  options.seed = seed;
  options.cuttable = false;
  options.lying_sync = mutant == Mutant::lying_sync;
  // Themes turn by 8, orders of lanes by 3: each theme meets both, and all orders.
  options.medium.naming =
      number / kThemeCount % 2 == 0 ? sim::Medium::Naming::strict : sim::Medium::Naming::journaled;
  return options;
}

}  // namespace

const char* theme_name(Theme theme) {
  static constexpr std::array<const char*, kThemeCount> kNames{
      "steady", "backlog", "evict", "expire", "notes", "reopen", "checkpoint", "damage"};
  return kNames[static_cast<std::size_t>(theme)];
}

std::string Recording::wrong_with_resend(const std::string& lane, const Lease& lease,
                                         std::uint64_t every, std::size_t mark) const {
  const auto at = sent.find({lane, lease.range.first});
  if (at == sent.end()) return {};
  const Sent* last = nullptr;
  for (const Sent& one : at->second) {
    if (one.mark <= mark) last = &one;
  }
  // What was sent may be thinned or lost afterwards: then that stands in its place.
  if (last == nullptr || every > last->every) return {};
  const bool was_refused = refused.contains({lane, last->range.first, last->range.last});
  if (was_refused && lease.range.last < last->range.last) return {};
  const bool thinned = every > 1 && every < kLost;
  if (thinned && every == last->every && lease.range.last > last->range.last) return {};
  if (last->range == lease.range && last->hash == hash_of(lease.bytes)) return {};
  return "an envelope that was sent has changed (lane " + lane + ", seq " +
         std::to_string(lease.range.first) + ")";
}

bool Recording::was_split(const std::string& lane, std::uint64_t seq) const {
  return std::ranges::any_of(refused, [&](const auto& one) {
    const auto& [name, first, last] = one;
    return name == lane && first <= seq && seq < last;
  });
}

Workload::Workload(std::uint64_t seed, std::uint64_t number, Mutant mutant)
    : random_(hash_of({}, seed * 1'000'003 + number)),
      refusals_(hash_of({}, seed * 1'000'033 + number)),
      mutant_(mutant),
      entropy_(random_.u64()),
      disk_(clock_, disk_options(random_.u64(), number, mutant)),
      files_(disk_) {
  recording_.theme = static_cast<Theme>(number % kThemeCount);
  recording_.medium = disk_options(0, number, mutant).medium;
  configure(number);
  if (mutant == Mutant::mask_after_spool) records_.leave_raw();
  disk_.before_write = [this](Bytes bytes) { complain(wrong_with_bytes(bytes, "written")); };
  std::ignore = files_.make_directory(kParent, 0755);
}

Workload::~Workload() = default;

void Workload::configure(std::uint64_t number) {
  options_.directory = kDirectory;
  options_.bytes_max = Spool::kBytesMin;
  options_.gateway = "pump-7";
  options_.generation = 3;
  options_.lanes = {{.name = "alarm"}, {.name = "bulk"}};
  options_.sources = {"boiler", "zigbee"};
  if (number % 5 == 4) options_.key = "first";
  if (number % 10 == 9) options_.key_previous = "second";
  using Order = LaneOptions::Order;
  switch (number % 3) {
    case 1:
      options_.lanes[0].order = Order::live;
      options_.lanes[1].order = Order::newest;
      break;
    case 2:
      options_.lanes[0].order = Order::newest;
      options_.lanes[1].order = Order::live;
      break;
    default: break;
  }
  switch (recording_.theme) {
    case Theme::backlog:
      record_bytes_max_ = 9'000;
      link_ = false;
      break;
    case Theme::evict:
      thins_ = number / kThemeCount % 2 == 1;
      record_bytes_max_ = thins_ ? 25'000 : 6'000;
      options_.lanes[1].when_full =
          thins_ ? LaneOptions::WhenFull::thin : LaneOptions::WhenFull::evict;
      bytes_usual_ = kLargeDisk;
      link_ = false;
      break;
    case Theme::expire: options_.lanes[1].keep = Duration::seconds(20); break;
    case Theme::checkpoint: record_bytes_max_ = 15'000; break;
    case Theme::damage:
      record_bytes_max_ = 3'000;
      link_ = false;
      break;
    case Theme::steady:
    case Theme::notes:
    case Theme::reopen: break;
  }
}

Recording Workload::run() {
  recording_.initial = disk_.image();
  disk_.history = &recording_.history;
  mark(0);
  if (open()) {
    const std::uint64_t steps = std::min(steps_max_, 24 + random_.below(16));
    for (std::uint64_t i = 0; i < steps && spool_; ++i) {
      if (recording_.theme == Theme::damage && i == steps / 2) damage();
      step();
    }
  }
  disk_.history = nullptr;
  return std::move(recording_);
}

void Workload::step() {
  const bool restless = recording_.theme == Theme::reopen;
  clock_.advance(Duration::milliseconds(100 + static_cast<std::int64_t>(random_.below(900))));
  if (recording_.theme == Theme::expire) {
    clock_.advance(Duration::seconds(static_cast<std::int64_t>(random_.below(8))));
  }
  if (rarely(recording_.theme == Theme::backlog || recording_.theme == Theme::evict ? 12 : 6)) {
    drop_link();
  }
  if (bytes_usual_ != 0 && rarely(8)) disk_.set_bytes_max(rarely(2) ? 0 : bytes_usual_);
  if (errors_in_a_row_ == 0 && rarely(restless ? 5 : 25)) {
    if (restless && rarely(2)) reconfigure();
    reopen();
    if (!spool_) return;
  }
  fill();
  commit();
}

// ---- opening

bool Workload::open() {
  for (std::size_t i = 0; i < kErrorsMax; ++i) {
    if (recording_.theme == Theme::evict && !troubled_) shrink();
    std::vector<std::string> findings;
    auto made = Spool::open(options_, files_, clock_, entropy_, findings, &vault_);
    if (made) {
      const bool damaged = !recording_.marks.empty() && recording_.marks.back().damaged;
      const Expected expected{.salvaged = truth_.salvaged, .small_disk = bytes_usual_ != 0};
      for (const std::string& finding : findings) {
        if (!damaged && !is_news(finding, expected)) complain("without damage: " + finding);
      }
      spool_ = std::move(*made);
      if (damaged) take_stock(findings);
      if (mutant_ == Mutant::synchronous_normal) execute("PRAGMA synchronous=NORMAL");
      for (const LaneOptions& lane : options_.lanes) {
        const auto states = spool_->state().lanes;
        const auto at = std::ranges::find(states, lane.name, &LaneState::name);
        LaneTruth& truth = truth_.lanes[lane_key(*at)];
        truth.may_lose |=
            lane.when_full != LaneOptions::WhenFull::hold || lane.keep != Duration::max();
      }
      mark(recording_.history.size());
      return true;
    }
    clock_.advance(Duration::seconds(1));
  }
  complain("the spool does not open any more");
  return false;
}

// The database has a sixty-fourth of its bound (twice that, to be thinned), and will not get more.
void Workload::shrink() {
  const std::uint64_t refusals = thins_ ? kRefusals - 1 : kRefusals;
  sim::Fault fault{.calls = sim::kReserve, .kind = sim::Fault::Kind::full, .count = refusals};
  disk_.clear_faults();
  disk_.inject(fault);
  fault.skip = 1;
  fault.count = sim::SimDisk::kForEver;
  disk_.inject(fault);
}

void Workload::close() { spool_.reset(); }

void Workload::reopen() {
  close();
  open();
}

// Turned off and on again, or one key for the other.
void Workload::change_key() { std::swap(options_.key, options_.key_previous); }

void Workload::reconfigure() {
  if (!options_.key.empty() || !options_.key_previous.empty()) change_key();
  const std::uint64_t change = random_.below(4);
  if (change == 0) {
    std::swap(options_.lanes.front(), options_.lanes.back());
  } else if (change == 1 && options_.lanes.size() > 1) {
    options_.lanes.pop_back();
  } else if (change == 2 && options_.lanes.size() < 3) {
    const auto has = [&](std::string_view name) {
      return std::ranges::find(options_.lanes, name, &LaneOptions::name) != options_.lanes.end();
    };
    options_.lanes.push_back({.name = !has("alarm") ? "alarm" : !has("bulk") ? "bulk" : "extra"});
  } else {
    options_.gateway = options_.gateway == "pump-7" ? "pump-8" : "pump-7";
  }
}

void Workload::damage() {
  const Layout layout = layout_of_newest();
  close();
  for (auto& [key, lane] : truth_.lanes) lane.damaged = true;
  truth_.salvaged = true;
  mark(recording_.history.size());
  recording_.marks.back().damaged = true;
  if (Status s = spoil(files_, options_.directory + "/spool.db", layout, random_); !s) {
    complain(std::string("the damage fails: ") + s.error().what);
  }
  group_.reset();
  open();
}

// What was found after damage is what there is from then on.
void Workload::take_stock(const std::vector<std::string>& findings) {
  truth_.salvaged = std::ranges::any_of(findings, [](const std::string& finding) {
    return finding.find("it was put aside as") != finding.npos;
  });
  if (!truth_.salvaged) return;
  ++recording_.covered.salvages;
  truth_.letters = spool_->state().dead_letters;
  Truth::Cursors cursors;
  for (const auto& [source, all] : spool_->cursors()) {
    for (const auto& [key, value] : all) cursors[{source, key}] = value;
  }
  std::map<std::string, Buffer> states;
  for (const StateEdit& state : spool_->states()) states[state.key] = state.value;
  if (!std::ranges::includes(truth_.cursors, cursors)) complain("salvage made up a cursor");
  if (!std::ranges::includes(truth_.states, states)) complain("salvage made up a state");
  truth_.cursors = std::move(cursors);
  truth_.states = std::move(states);
}

// ---- what is committed

LaneTruth& Workload::truth_of(LaneIndex index) {
  return truth_.lanes[lane_key(spool_->state().lanes[index])];
}

void Workload::fill() {
  wish_.envelopes.fill(0);
  const std::size_t lane_count = spool_->state().lanes.size();
  for (std::size_t i = 0; i < lane_count && link_; ++i) {
    wish_.envelopes[i] = static_cast<std::uint16_t>(random_.below(4));
  }
  wish_.sealed_only.fill(rarely(4));
  if (errors_in_a_row_ == 0) {  // Else the same group is tried again.
    for (std::size_t i = 0; i < options_.lanes.size(); ++i) {
      // A lane is thinned when it has envelopes: the other one leaves it room for some.
      if (thins_ && i != 1 ? rarely(5) : !rarely(3)) fill_records(static_cast<LaneIndex>(i));
    }
    fill_notes();
  }
  group_.acks = std::exchange(deleted_, {});
  add_acks();
  std::ranges::move(std::exchange(refused_, {}), std::back_inserter(group_.acks));
}

void Workload::fill_records(LaneIndex index) {
  LaneTruth& truth = truth_of(index);
  const std::string& name = options_.lanes[index].name;
  const std::uint64_t count = 1 + random_.below(rarely(4) ? 12 : 3);
  for (std::uint64_t i = 0; i < count; ++i) {
    std::size_t bytes = random_.below(record_bytes_max_);
    if (recording_.theme == Theme::notes && rarely(40)) {
      bytes = kTooLarge;
      truth.may_lose = true;
    }
    records_.add(group_, index, name, truth.next_seq + i, bytes);
  }
}

void Workload::fill_notes() {
  const bool many = recording_.theme == Theme::notes;
  const auto value = [&] {
    Buffer bytes(1 + random_.below(many ? 300 : 12));
    fill_noise("note", random_.u64(), bytes);
    return bytes;
  };
  for (std::uint64_t i = random_.below(many ? 6 : 2); i-- > 0;) {
    const auto source = static_cast<SourceIndex>(random_.below(options_.sources.size()));
    group_.cursors.push_back({source, "k" + std::to_string(random_.below(5)), value(), rarely(6)});
  }
  for (std::uint64_t i = random_.below(many ? 6 : 2); i-- > 0;) {
    const std::string key = "pipeline/node/" + std::to_string(random_.below(6));
    group_.states.push_back({key, rarely(6) ? Buffer() : value()});
  }
  for (std::uint64_t i = many && rarely(2) ? random_.below(24) : rarely(9) ? 1 : 0; i-- > 0;) {
    // Some with a record: any one will do.
    if (i % 3 == 0 && !group_.records[0].empty()) {
      group_.kept.push_back({group_.refusals.size(), group_.records[0].back(), "node"});
    }
    if (i % 3 == 1) {  // Or the bytes, where there is a key.
      group_.kept_bytes.emplace_back(group_.refusals.size(),
                                     RefusedBytes{.bytes = as_bytes(kRawBytes)}.pack());
    }
    group_.refusals.push_back({.source = 0, .reason = Reason::malformed, .byte_count = i + 1});
  }
}

void Workload::add_acks() {
  const std::size_t lane_count = spool_->state().lanes.size();
  for (std::size_t i = 0; i < lane_count; ++i) {
    const std::size_t before = group_.acks.size();
    if (rarely(recording_.theme == Theme::checkpoint ? 4 : 2)) add_ack(static_cast<LaneIndex>(i));
    add_acks_above(static_cast<LaneIndex>(i));
    if (group_.acks.size() > before && rarely(6)) group_.acks.push_back(group_.acks.back());
  }
}

void Workload::add_ack(LaneIndex index) {
  const LaneState lane = spool_->state().lanes[index];
  const auto& ends = boundaries_[lane_key(lane)];
  if (ends.empty()) return;
  LaneAck ack{index, lane.epoch, {1, ends.back()}};
  switch (random_.below(12)) {
    case 0:
    case 1: ack.range.last = ends[random_.below(ends.size())]; break;
    case 2: ack.range.last = ends.back() - 1; break;
    case 3: ack.epoch[0] ^= 1; break;
    case 4: ack.range.last += 1u << 30; break;
    default: break;
  }
  if (mutant_ == Mutant::ack_off_by_one) ++ack.range.last;
  group_.acks.push_back(ack);
}

// Of what landed out of order; half the time the spool must find out itself whether that is true.
void Workload::add_acks_above(LaneIndex index) {
  const LaneState lane = spool_->state().lanes[index];
  if (rarely(4)) {
    const Range untrue{lane.acked + 1, lane.acked + 1 + random_.below(lane.next_seq - lane.acked)};
    group_.acks.push_back({index, lane.epoch, untrue, Digest{1}});
  }
  for (const auto& [first, end] : truth_of(index).above) {
    if (end.first <= lane.acked || !rarely(3)) continue;
    LaneAck ack{index, lane.epoch, {first, end.first}};
    if (rarely(2)) ack.unproved = end.second;
    group_.acks.push_back(ack);
    if (!rarely(4)) continue;
    ack.unproved = Digest{1};
    group_.acks.push_back(ack);
  }
}

void Workload::commit() {
  Truth next = truth_;
  const auto lanes = spool_->state().lanes;
  for (std::size_t i = 0; i < options_.lanes.size(); ++i) {
    next.lanes[lane_key(lanes[i])].next_seq += group_.records[i].size();
    next.letters += static_cast<std::uint64_t>(std::ranges::count_if(group_.records[i], too_large));
  }
  for (const CursorEdit& edit : group_.cursors) {
    const std::pair key(options_.sources[edit.source], edit.key);
    if (edit.erase) {
      next.cursors.erase(key);
    } else {
      next.cursors[key] = edit.value;
    }
  }
  for (const StateEdit& edit : group_.states) {
    if (edit.value.empty()) {
      next.states.erase(edit.key);
    } else {
      next.states[edit.key] = edit.value;
    }
  }
  next.letters += group_.refusals.size();
  const std::size_t before = recording_.history.size();
  const bool covers = !troubled_ && errors_in_a_row_ == 0;
  const Contents contents = covers ? contents_now() : Contents();
  leases_.clear();
  const Status done = spool_->commit(group_, wish_, Stamp::wall(clock_.wall()), leases_);
  settle(next, done.has_value());
  if (done && covers) cover(contents);
  // After another error nothing is said: what was promised before still holds.
  if (!done && done.error().code != Code::full) return;
  mark(mutant_ == Mutant::report_early ? before : recording_.history.size());
  deliver();
}

void Workload::settle(const Truth& next, bool kept) {
  if (!kept) {
    clock_.advance(Duration::seconds(1));
    if (++errors_in_a_row_ % 6 == 0 && bytes_usual_ != 0) {
      disk_.set_bytes_max(bytes_usual_);
    }
    if (errors_in_a_row_ == kErrorsMax) {
      complain("commits do not work any more");
      spool_.reset();
    }
    return;
  }
  errors_in_a_row_ = 0;
  truth_ = next;
  group_.reset();
  if (mutant_ == Mutant::tombstone_missing) execute("DELETE FROM queue WHERE (kind&255)=1");
}

Workload::Contents Workload::contents_now() const {
  Contents contents;
  contents.operations = recording_.history.size();
  contents.envelopes = number("SELECT count(*) FROM queue WHERE (kind&255)=0");
  contents.chunks = number("SELECT count(*) FROM queue WHERE (kind&255)=2");
  contents.unordered = number("SELECT count(*) FROM queue WHERE loss=6");
  contents.encrypted = number("SELECT count(*) FROM queue WHERE kind>255");
  contents.split = number("SELECT count(*) FROM queue WHERE loss=1 AND (kind&255)=0");
  contents.thinned = number("SELECT coalesce(sum(loss),0) FROM queue WHERE (kind&255)=0");
  for (const LaneState& lane : spool_->state().lanes) contents.shed += lane.records_shed;
  return contents;
}

void Workload::cover(const Contents& before) {
  const Contents now = contents_now();
  Coverage& covered = recording_.covered;
  const bool made = now.envelopes > before.envelopes;
  if (!link_ && made && now.chunks < before.chunks) ++covered.merged;
  covered.sealed += leases_.size();
  if (now.unordered > before.unordered) ++covered.unordered;
  if (now.thinned > before.thinned) ++covered.thinned;
  if (now.split > before.split) ++covered.split;
  if (now.encrypted > before.encrypted) ++covered.encrypted;
  const bool expires = recording_.theme == Theme::expire;
  (expires ? covered.expired : covered.evicted) += now.shed - before.shed;
  // A header of the WAL: it begins anew.
  for (std::size_t i = before.operations; i < now.operations; ++i) {
    const sim::Operation& o = *recording_.history[i];
    if (o.kind != sim::Operation::Kind::write || o.offset != 0 || o.bytes->size() != 32) continue;
    ++covered.checkpoints;
  }
}

void Workload::complain(const std::string& wrong) {
  if (recording_.wrong.empty()) recording_.wrong = wrong;
}

void Workload::mark(std::size_t reported) {
  recording_.marks.push_back({.reported = reported,
                              .settled = recording_.history.size(),
                              .truth = std::make_shared<const Truth>(truth_),
                              .options = std::make_shared<const SpoolOptions>(options_),
                              .age = clock_.age()});
}

// ---- what is sent

void Workload::drop_link() {
  link_ = !link_;
  if (link_) return;
  for (std::size_t i = 0; i < spool_->state().lanes.size(); ++i) {
    ++wish_.round[i];
  }
}

void Workload::deliver() {
  if (!spool_) return;
  for (Lease& lease : leases_) deliver(lease);
}

void Workload::deliver(Lease& lease) {
  const LaneState lane = spool_->state().lanes[lease.lane];
  const std::string key = lane_key(lane);
  LaneTruth& truth = truth_.lanes[key];
  if (mutant_ == Mutant::envelope_changed && recording_.sent.contains({key, lease.range.first})) {
    reader_.seal_again(lease);
  }
  complain(wrong_with_bytes(lease.bytes, "sent"));
  const auto header = Opener::header(lease.bytes);
  const std::uint64_t every = header ? thinness(*header) : 1;
  const std::size_t mark = recording_.marks.size() - 1;
  if (auto wrong = recording_.wrong_with_resend(key, lease, every, mark); !wrong.empty()) {
    complain(wrong);
  }
  recording_.sent[{key, lease.range.first}].push_back(
      {lease.range, hash_of(lease.bytes), every, mark});
  if (rarely(10)) {  // The packet is lost: all from here on are sent again.
    if (mutant_ == Mutant::delete_before_ack)
      deleted_.push_back({lease.lane, lane.epoch, {1, lease.range.last}});
    ++wish_.round[lease.lane];
    return;
  }
  if (refuses(lease)) return refuse(lease, key);
  std::uint64_t landed = truth.landed;
  Digest chain = truth.chain;
  if (Reader::overtakes(lease, landed)) {
    landed = lease.range.first - 1;
    chain = landed == 0 ? Digest{} : recording_.chains[{key, landed}];
  }
  // A part of what landed whole before it was split: the spool may be told of it, too.
  if (lease.range.last < landed) recording_.chains.try_emplace({key, lease.range.last}, lease.hash);
  const bool follows = lease.range.first == landed + 1;
  if (lease.range.last <= landed || (!follows && in_order(lease.lane))) return;
  if (!follows) {
    landed = lease.range.first - 1;
    chain = header->previous;
  }
  if (auto wrong = reader_.wrong_with(lease, lane, landed, chain); !wrong.empty()) complain(wrong);
  recording_.chains[{key, lease.range.last}] = lease.hash;
  if (!follows) {
    truth.above[lease.range.first] = {lease.range.last, lease.hash};
    return;
  }
  truth.landed = lease.range.last;
  truth.chain = lease.hash;
  absorb(truth.landed, truth.chain, truth.above, truth.next_seq);
  boundaries_[key].push_back(truth.landed);
}

// The far end cannot take it, and all from there on is sent again. Of a record alone it never says so here: what is
// given up would be lost.
bool Workload::refuses(const Lease& lease) {
  return mutant_ == Mutant::none && !troubled_ && lease.records > 1 &&
         refusals_.one_in(kRefusedOneIn);
}

void Workload::refuse(const Lease& lease, const std::string& key) {
  recording_.refused.insert({key, lease.range.first, lease.range.last});
  refused_.push_back({.lane = lease.lane,
                      .epoch = lease.epoch,
                      .range = lease.range,
                      .unproved = lease.hash,
                      .refused = "refused_by_database"});
  ++wish_.round[lease.lane];
}

bool Workload::in_order(LaneIndex index) const {
  return index >= options_.lanes.size() ||
         options_.lanes[index].order == LaneOptions::Order::oldest;
}

}  // namespace pinaflux::crash
