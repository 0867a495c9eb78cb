// The rules of landing, for an envelope of range [first, last] and hash h:
//
//   the same range and h are known                       duplicate
//   the chain does not fit                               fork: a cloned card or a restored image
//   nothing of the range is settled                      fresh
//   it was declared lost, and the chain behind it fits   fresh: it comes late, and is lost no more
//   anything else                                        unproven: h is forgotten below the floor, another gateway may
//                                                        have sealed the same otherwise, or counted on from there
//
// Of a thinned one, whose range may be that of several that were sealed before:
//
//   all of its range has landed                          duplicate: it landed before it was thinned
//   the chain fits, also where its range ends            fresh: what has not landed lands
//   some was declared lost, and the end is not known     unproven
//   anything else                                        fork
//
// What landed of both is compared, too, and decides (comparison.cc).
//
// The chain fits when `previous` is the hash at first - 1, and the envelope that begins at last + 1
// names h; where one of them is not known (it never came here), that side is not checked. But in a lane that has
// forked the hash at first - 1 must be known: what was refused, and has landed in another epoch since, must not
// land when the broker delivers it once more.

#include "agent/collector/state.h"

#include <algorithm>
#include <utility>

#include "agent/data/limits.h"

namespace pinaflux {

namespace {

constexpr const char* kTables =
    "CREATE TABLE IF NOT EXISTS pinaflux_lane(id INTEGER PRIMARY KEY, gateway TEXT NOT NULL,"
    " epoch TEXT NOT NULL, lane TEXT NOT NULL, high INTEGER NOT NULL, floor INTEGER NOT NULL,"
    " last INTEGER NOT NULL, chain BLOB, redelivered INTEGER NOT NULL, forks INTEGER NOT NULL,"
    " UNIQUE(gateway, epoch, lane));"
    "CREATE TABLE IF NOT EXISTS pinaflux_envelope(lane INTEGER NOT NULL, last INTEGER NOT NULL,"
    " first INTEGER NOT NULL, hash BLOB NOT NULL, previous BLOB,"
    " PRIMARY KEY(lane, last)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS pinaflux_gateway(name TEXT PRIMARY KEY NOT NULL,"
    " state TEXT NOT NULL, seen INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS pinaflux_reject(id INTEGER PRIMARY KEY, time INTEGER NOT NULL,"
    " gateway TEXT NOT NULL, lane TEXT NOT NULL, reason TEXT NOT NULL, bytes INTEGER NOT NULL,"
    " sha256 TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS pinaflux_doubt(lane INTEGER PRIMARY KEY);"
    "CREATE TABLE IF NOT EXISTS pinaflux_gap(lane INTEGER PRIMARY KEY, since INTEGER NOT NULL)";

std::int64_t stored(std::uint64_t seq) { return static_cast<std::int64_t>(seq); }
std::uint64_t seq(std::int64_t stored) { return static_cast<std::uint64_t>(stored); }

bool was_lost(const Stretch& stretch) { return stretch.fate == Fate::lost; }

std::optional<Digest> digest(const sqlite::Statement& row, int column) {
  const Bytes bytes = row.blob(column);
  Digest digest{};
  if (bytes.size() != digest.size()) return std::nullopt;
  std::ranges::copy(bytes, digest.begin());
  return digest;
}

}  // namespace

Result<Ledger> Ledger::prepare(sqlite::Database& database, Supply* supply) {
  if (Status s = database.execute(kTables); !s) return std::unexpected(s.error());
  Result<Settled> settled = Settled::prepare(database);
  if (!settled) return std::unexpected(settled.error());
  Ledger ledger(std::move(*settled), supply);
  const std::pair<sqlite::Statement*, const char*> all[] = {
      {&ledger.find_,
       "SELECT id,high,floor,last,chain,redelivered,forks,d.lane IS NOT NULL,g.since"
       " FROM pinaflux_lane l LEFT JOIN pinaflux_doubt d ON d.lane=l.id"
       " LEFT JOIN pinaflux_gap g ON g.lane=l.id WHERE gateway=? AND epoch=? AND l.lane=?"},
      {&ledger.doubt_, "INSERT OR IGNORE INTO pinaflux_doubt VALUES(?)"},
      {&ledger.open_gap_, "INSERT OR REPLACE INTO pinaflux_gap VALUES(?,?)"},
      {&ledger.close_gap_, "DELETE FROM pinaflux_gap WHERE lane=?"},
      {&ledger.gaps_, "SELECT count(*),coalesce(min(since),0) FROM pinaflux_gap"},
      {&ledger.trust_, "DELETE FROM pinaflux_doubt WHERE lane=?"},
      {&ledger.make_,
       "INSERT INTO pinaflux_lane SELECT coalesce(max(id),0)+1,?1,?2,?3,0,1,0,NULL,0,0"
       " FROM pinaflux_lane HAVING coalesce(max(id),0)<?4"},
      {&ledger.save_,
       "UPDATE pinaflux_lane SET high=?,floor=?,last=?,chain=?,redelivered=?,forks=? WHERE id=?"},
      {&ledger.link_, "SELECT first,hash FROM pinaflux_envelope WHERE lane=? AND last=?"},
      {&ledger.successor_,
       "SELECT first,previous FROM pinaflux_envelope WHERE lane=? AND last>? ORDER BY last LIMIT "
       "1"},
      {&ledger.remember_, "INSERT OR REPLACE INTO pinaflux_envelope VALUES(?,?,?,?,?)"},
      {&ledger.prune_, "DELETE FROM pinaflux_envelope WHERE lane=? AND last<?"},
      {&ledger.seen_, "INSERT OR REPLACE INTO pinaflux_gateway VALUES(?,?,?)"},
      {&ledger.reject_,
       "INSERT INTO pinaflux_reject(time,gateway,lane,reason,bytes,sha256,first,last)"
       " VALUES(?,?,?,?,?,?,?,?)"},
      {&ledger.trim_,
       "DELETE FROM pinaflux_reject WHERE id<=(SELECT max(id) FROM pinaflux_reject)-?"},
      {&ledger.refused_,
       "SELECT 1 FROM pinaflux_reject WHERE sha256=? AND reason NOT IN ('fork','dictionary')"},
  };
  if (Status s = database.prepare_all(all); !s) return std::unexpected(s.error());
  return ledger;
}

Result<std::optional<LaneEntry>> Ledger::find(const LaneKey& key) {
  if (supply_ != nullptr) {
    if (Status s = supply_->bring_lane(key); !s) return std::unexpected(s.error());
  }
  const sqlite::Reading reading(find_);
  const std::string epoch = hex(key.epoch);
  find_.bind(1, std::string_view(key.gateway));
  find_.bind(2, std::string_view(epoch));
  find_.bind(3, std::string_view(key.lane));
  const Result<bool> row = find_.step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::nullopt;
  LaneEntry entry;
  entry.id = find_.integer(0);
  entry.key = key;
  entry.high = seq(find_.integer(1));
  entry.floor = seq(find_.integer(2));
  entry.last = seq(find_.integer(3));
  entry.chain = digest(find_, 4);
  entry.redelivered = seq(find_.integer(5));
  entry.forks = seq(find_.integer(6));
  entry.doubted = find_.integer(7) != 0;
  if (!find_.is_null(8)) entry.gap_since = WallTime{find_.integer(8)};
  return entry;
}

Result<LaneEntry> Ledger::lane(const LaneKey& key) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    Result<std::optional<LaneEntry>> entry = find(key);
    if (!entry) return std::unexpected(entry.error());
    if (*entry) return std::move(**entry);
    if (Status s = make(key); !s) return std::unexpected(s.error());
  }
  return fail(Code::invalid, "too many lanes: this database knows all that it can");
}

Status Ledger::make(const LaneKey& key) {
  if (supply_ != nullptr) return supply_->make_lane(key);
  const std::string epoch = hex(key.epoch);
  make_.bind(1, std::string_view(key.gateway));
  make_.bind(2, std::string_view(epoch));
  make_.bind(3, std::string_view(key.lane));
  make_.bind(4, kLanesMax);
  return make_.run();
}

Status Ledger::doubt(LaneEntry& lane, bool doubted) {
  if (lane.doubted == doubted) return {};
  lane.doubted = doubted;
  sqlite::Statement& change = doubted ? doubt_ : trust_;
  change.bind(1, lane.id);
  return change.run();
}

Status Ledger::mark(LaneEntry& lane, std::uint64_t floor, std::uint64_t last) {
  lane.last = std::max(lane.last, std::min(last, kSeqMax));
  floor = std::min(floor, kSeqMax);
  if (floor <= lane.floor) return {};
  lane.floor = floor;
  lane.last = std::max(lane.last, floor - 1);
  if (lane.high + 1 >= floor || lane.forks > 0) return {};
  const Result<bool> known = settled_.any(lane.id);
  if (!known) return std::unexpected(known.error());
  const Fate fate = *known ? Fate::undeclared : Fate::earlier;
  return settled_.settle(lane.id, {{lane.high + 1, floor - 1}, fate, ""});
}

Result<Verdict> Ledger::judge(const LaneEntry& lane, const Link& link) {
  const auto there = settled_.overlapping(lane.id, link.range);
  if (!there) return std::unexpected(there.error());
  if (std::ranges::any_of(*there, holds_landed)) return judge_landed(lane, link);
  const Result<bool> fits = chained(lane, link);
  if (!fits) return std::unexpected(fits.error());
  if (!*fits) return Verdict::fork;
  if (std::ranges::none_of(*there, was_lost)) return Verdict::fresh;
  const Result<bool> proved = ends_proved(lane, link);
  if (!proved) return std::unexpected(proved.error());
  return *proved ? Verdict::fresh : Verdict::unproven;
}

// The chain behind it is known, and it leads there.
Result<bool> Ledger::ends_proved(const LaneEntry& lane, const Link& link) {
  const auto end = chain_at(lane, link.range.last);
  if (!end) return std::unexpected(end.error());
  if (*end) return **end == link.hash;
  const sqlite::Reading reading(successor_);
  successor_.bind(1, lane.id);
  successor_.bind(2, stored(link.range.last));
  const Result<bool> row = successor_.step();
  if (!row) return std::unexpected(row.error());
  return *row && seq(successor_.integer(0)) == link.range.last + 1 &&
         digest(successor_, 1) == link.hash;
}

Result<Verdict> Ledger::judge_landed(const LaneEntry& lane, const Link& link) {
  const sqlite::Reading reading(link_);
  link_.bind(1, lane.id);
  link_.bind(2, stored(link.range.last));
  const Result<bool> row = link_.step();
  if (!row) return std::unexpected(row.error());
  const bool same =
      *row && seq(link_.integer(0)) == link.range.first && digest(link_, 1) == link.hash;
  return same ? Verdict::duplicate : Verdict::unproven;
}

Result<std::vector<Stretch>> Ledger::stretches(const LaneEntry& lane, const Range& range) {
  return settled_.overlapping(lane.id, range);
}

Result<std::optional<Digest>> Ledger::chain_at(const LaneEntry& lane, std::uint64_t at) {
  if (at == 0) return kNoDigest;
  if (at == lane.high && lane.chain) return lane.chain;
  const sqlite::Reading reading(link_);
  link_.bind(1, lane.id);
  link_.bind(2, stored(at));
  const Result<bool> row = link_.step();
  if (!row) return std::unexpected(row.error());
  return *row ? digest(link_, 1) : std::nullopt;
}

Result<std::optional<Link>> Ledger::link_at(const LaneEntry& lane, std::uint64_t last) {
  const sqlite::Reading reading(link_);
  link_.bind(1, lane.id);
  link_.bind(2, stored(last));
  const Result<bool> row = link_.step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::nullopt;
  return Link{{seq(link_.integer(0)), last}, {}, digest(link_, 1).value_or(kNoDigest)};
}

Result<bool> Ledger::chained(const LaneEntry& lane, const Link& link) {
  const auto before = chain_at(lane, link.range.first - 1);
  if (!before) return std::unexpected(before.error());
  if (*before ? **before != link.previous : lane.forks > 0) return false;
  return leads_on(lane, link);
}

// Unless what begins behind it says otherwise.
Result<bool> Ledger::leads_on(const LaneEntry& lane, const Link& link) {
  if (link.hash == kNoDigest) return true;
  const sqlite::Reading reading(successor_);
  successor_.bind(1, lane.id);
  successor_.bind(2, stored(link.range.last));
  const Result<bool> row = successor_.step();
  if (!row) return std::unexpected(row.error());
  const bool next = *row && seq(successor_.integer(0)) == link.range.last + 1;
  return !next || successor_.is_null(1) || digest(successor_, 1) == link.hash;
}

Result<Verdict> Ledger::judge_stand_in(const LaneEntry& lane, const Link& link) {
  const auto end = chain_at(lane, link.range.last);
  if (!end) return std::unexpected(end.error());
  const Result<bool> fits = chained(lane, link);
  if (!fits) return std::unexpected(fits.error());
  if (!*fits || (*end && **end != link.hash)) return Verdict::fork;
  const auto open = open_ranges(lane, link.range);
  if (!open) return std::unexpected(open.error());
  if (open->empty()) return Verdict::duplicate;
  const auto there = settled_.overlapping(lane.id, link.range);
  if (!there) return std::unexpected(there.error());
  return *end || std::ranges::none_of(*there, was_lost) ? Verdict::fresh : Verdict::unproven;
}

Result<std::vector<Range>> Ledger::open_ranges(const LaneEntry& lane, const Range& range) {
  const auto there = settled_.overlapping(lane.id, range);
  if (!there) return std::unexpected(there.error());
  std::vector<Range> open;
  Range left = range;
  for (const Stretch& stretch : *there) {
    if (!holds_landed(stretch)) continue;
    const Range before{left.first, stretch.range.first - 1};
    if (before.count() > 0) open.push_back(before);
    left.first = stretch.range.last + 1;
  }
  if (left.count() > 0) open.push_back(left);
  return open;
}

Status Ledger::land_stand_in(LaneEntry& lane, const Link& link, std::uint64_t every) {
  lane.last = std::max(lane.last, link.range.last);
  const Stretch stretch = every > 1 ? Stretch{link.range, Fate::thinned, std::to_string(every)}
                                    : Stretch{link.range, Fate::landed, ""};
  if (Status s = settled_.settle(lane.id, stretch); !s) return s;
  return remember(lane, link);
}

// Of one end and hash the widest is kept: it names what stands before all of them.
Status Ledger::remember(const LaneEntry& lane, const Link& link) {
  const auto there = link_at(lane, link.range.last);
  if (!there) return std::unexpected(there.error());
  if (*there && (*there)->hash == link.hash && (*there)->range.first <= link.range.first) return {};
  remember_.bind(1, lane.id);
  remember_.bind(2, stored(link.range.last));
  remember_.bind(3, stored(link.range.first));
  remember_.bind(4, Bytes(link.hash));
  if (link.range.first > 1 && link.previous == kNoDigest) {
    remember_.bind_null(5);
  } else {
    remember_.bind(5, Bytes(link.previous));
  }
  return remember_.run();
}

Status Ledger::land(LaneEntry& lane, const Link& link) {
  lane.last = std::max(lane.last, link.range.last);
  if (Status s = settled_.settle(lane.id, {link.range, Fate::landed, ""}); !s) return s;
  return remember(lane, link);
}

// An envelope that was in flight may have landed before it was lost, so landed seqs in it contradict nothing; but
// of a lane that has forked they may be the other gateway's, and then the loss would be hidden behind them. And what
// was declared lost before is the same loss only if the chain behind both is.
Result<Verdict> Ledger::judge_loss(const LaneEntry& lane, const Link& link) {
  const auto before = chain_at(lane, link.range.first - 1);
  if (!before) return std::unexpected(before.error());
  const auto end = chain_at(lane, link.range.last);
  if (!end) return std::unexpected(end.error());
  if (*before && **before != link.previous) return Verdict::fork;
  const Result<bool> on = leads_on(lane, link);
  if (!on) return std::unexpected(on.error());
  if (!*on) return Verdict::fork;
  if (*end) return **end == link.hash ? Verdict::fresh : Verdict::fork;
  const auto there = settled_.overlapping(lane.id, link.range);
  if (!there) return std::unexpected(there.error());
  const bool landed = std::ranges::any_of(*there, holds_landed);
  if (landed && (lane.doubted || lane.forks > 0)) return Verdict::fork;
  if (!*before && lane.forks > 0) return Verdict::fork;
  return std::ranges::any_of(*there, was_lost) ? Verdict::unproven : Verdict::fresh;
}

// An envelope that landed at the same end keeps its own hash: it is the same chain there.
Status Ledger::declare(LaneEntry& lane, const Declaration& declaration) {
  const Range& range = declaration.range;
  lane.last = std::max(lane.last, range.last);
  if (Status s = settled_.settle(lane.id, {range, Fate::lost, declaration.reason}); !s) return s;
  const auto known = link_at(lane, range.last);
  if (!known) return std::unexpected(known.error());
  const bool other = *known && (*known)->hash != declaration.through;
  if (other || (!*known && range.last <= lane.high)) return {};
  return remember(lane, {range, declaration.previous, declaration.through});
}

Status Ledger::renumber(const LaneEntry& lane, const Comparison& refused) {
  std::uint64_t next = refused.range.first;
  const auto settle = [&](const Range& range) {
    return range.count() > 0 ? settled_.settle(lane.id, {range, Fate::renumbered, ""}) : Status();
  };
  for (const Range& known : refused.known) {
    if (Status s = settle({next, known.first - 1}); !s) return s;
    next = known.last + 1;
  }
  return settle({next, refused.range.last});
}

Status Ledger::advance(LaneEntry& lane) {
  const Result<std::uint64_t> high = settled_.prefix_end(lane.id, lane.high);
  if (!high) return std::unexpected(high.error());
  if (*high != lane.high || !lane.chain) {
    lane.chain.reset();
    const auto chain = chain_at(lane, *high);
    if (!chain) return std::unexpected(chain.error());
    lane.chain = *chain;
    lane.high = *high;
  }
  if (Status s = note_gap(lane); !s) return s;
  prune_.bind(1, lane.id);
  prune_.bind(2, stored(std::min(lane.floor, lane.high + 1)));
  if (Status s = prune_.run(); !s) return s;
  save_.bind(1, stored(lane.high));
  save_.bind(2, stored(lane.floor));
  save_.bind(3, stored(lane.last));
  if (lane.chain) {
    save_.bind(4, Bytes(*lane.chain));
  } else {
    save_.bind_null(4);
  }
  save_.bind(5, stored(lane.redelivered));
  save_.bind(6, stored(lane.forks));
  save_.bind(7, lane.id);
  return save_.run();
}

Status Ledger::note_gap(LaneEntry& lane) {
  const Result<bool> gap = settled_.any_above(lane.id, lane.high);
  if (!gap) return std::unexpected(gap.error());
  if (*gap == lane.gap_since.has_value()) return {};
  if (*gap) {
    lane.gap_since = now_;
    open_gap_.bind(1, lane.id);
    open_gap_.bind(2, now_.ns);
    return open_gap_.run();
  }
  lane.gap_since.reset();
  close_gap_.bind(1, lane.id);
  return close_gap_.run();
}

Result<Gaps> Ledger::gaps() {
  if (supply_ != nullptr) return supply_->gaps();
  const sqlite::Reading reading(gaps_);
  const Result<bool> row = gaps_.step();
  if (!row) return std::unexpected(row.error());
  return Gaps{seq(gaps_.integer(0)), WallTime{gaps_.integer(1)}};
}

Result<AckMessage> Ledger::ack(const LaneEntry& lane) {
  auto gaps = settled_.gaps(lane.id, lane.high, limits::kGapRangesMax);
  if (!gaps) return std::unexpected(gaps.error());
  AckMessage ack;
  ack.gateway = lane.key.gateway;
  ack.lane = lane.key.lane;
  ack.epoch = lane.key.epoch;
  ack.high = lane.high;
  ack.hash = lane.chain.value_or(kNoDigest);
  const auto from = settled_.linked_from(lane.id, lane.high);
  if (!from) return std::unexpected(from.error());
  ack.from = *from;
  ack.gaps = std::move(*gaps);
  const auto landed = settled_.above(lane.id, lane.high, limits::kLandedRangesMax);
  if (!landed) return std::unexpected(landed.error());
  for (const Range& range : *landed) {
    const auto hash = chain_at(lane, range.last);
    if (!hash) return std::unexpected(hash.error());
    if (*hash) ack.landed.push_back({range, **hash});
  }
  return ack;
}

Status Ledger::seen(const std::string& gateway, const std::string& state, WallTime now) {
  seen_.bind(1, std::string_view(gateway));
  seen_.bind(2, std::string_view(state));
  seen_.bind(3, now.ns);
  return seen_.run();
}

Status Ledger::reject(const Reject& reject) {
  const std::string hash = hex(reject.hash);
  reject_.bind(1, reject.time.ns);
  reject_.bind(2, std::string_view(reject.gateway));
  reject_.bind(3, std::string_view(reject.lane));
  reject_.bind(4, std::string_view(reject.reason));
  reject_.bind(5, stored(reject.byte_count));
  reject_.bind(6, std::string_view(hash));
  reject_.bind(7, stored(reject.range.first));
  reject_.bind(8, stored(reject.range.last));
  if (Status s = reject_.run(); !s) return s;
  trim_.bind(1, kRejectsMax);
  return trim_.run();
}

Result<bool> Ledger::was_refused(const Digest& payload) {
  if (supply_ != nullptr) return supply_->was_refused(payload);
  const std::string hash = hex(payload);
  const sqlite::Reading reading(refused_);
  refused_.bind(1, std::string_view(hash));
  return refused_.step();
}

}  // namespace pinaflux
