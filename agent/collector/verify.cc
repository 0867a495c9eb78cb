// Two sets are compared for each lane: what the ledger says has landed, and what is there.
//
//   ledger   1-40 landed   41-50 lost (evicted)   51-90 landed
//   tables   "boiler": 1,2,4,6 ... 90   "pump": 3,5,7 ... 89       merged in order of seq
//
// A row's key is lane << 40 | seq, so each table gives a lane's seqs in order and a merge of all tables
// needs no memory. Rows whose columns do not fit their key were not landed by us (somebody inserted or
// changed them): they are looked for by a scan of each table, and count as what their columns say.

#include "agent/collector/verify.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

#include "agent/collector/catalog.h"
#include "agent/collector/sqlite_home.h"
#include "agent/collector/state.h"
#include "agent/spool/sqlite.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

std::uint64_t seq(std::int64_t stored) { return static_cast<std::uint64_t>(stored); }

// The seqs of `range` that `every` divides have landed.
struct Kept {
  Range range;
  std::uint64_t every = 1;
};

class Verifier {
 public:
  explicit Verifier(sqlite::Database& database) : database_(database) {}
  Result<VerifyReport> run();

 private:
  struct Lane {
    std::int64_t id = 0;
    LaneReport report;
    std::vector<Kept> landed;  // What the ledger says, in order.
  };
  using Next = std::pair<std::uint64_t, std::size_t>;  // Seq, table.

  Status read_tables();
  Status read_lanes();
  Status read_ranges(Lane& lane);
  static void bind(sqlite::Statement& rows, const Lane& lane);
  Status advance(std::size_t table);
  Status recount(Lane& lane);
  Status find_strays(const std::string& table);
  static void take_range(Lane& lane, const Range& range, const sqlite::Statement& row,
                         std::uint64_t& next);
  static void take_thinned(Lane& lane, const Range& range, std::string_view text);
  static void miss(LaneReport& report, const Range& range);
  static bool has_landed(const Lane& lane, std::uint64_t seq);

  sqlite::Database& database_;
  std::vector<std::string> names_;
  std::vector<sqlite::Statement> rows_;                                 // By table.
  std::priority_queue<Next, std::vector<Next>, std::greater<>> heads_;  // The next row of each.
  std::vector<Lane> lanes_;
  std::map<std::string, std::size_t> by_key_;
  std::uint64_t strays_ = 0;
};

std::string key_of(std::string_view gateway, std::string_view epoch, std::string_view lane) {
  std::string key(gateway);
  key += '\0';
  key += epoch;
  key += '\0';
  key += lane;
  return key;
}

Result<VerifyReport> Verifier::run() {
  if (Status s = read_tables(); !s) return std::unexpected(s.error());
  if (Status s = read_lanes(); !s) return std::unexpected(s.error());
  for (Lane& lane : lanes_) {
    if (Status s = read_ranges(lane); !s) return std::unexpected(s.error());
    if (Status s = recount(lane); !s) return std::unexpected(s.error());
  }
  for (const std::string& name : names_) {
    if (Status s = find_strays(name); !s) return std::unexpected(s.error());
  }
  VerifyReport report;
  report.strays = strays_;
  for (Lane& lane : lanes_) report.lanes.push_back(std::move(lane.report));
  return report;
}

Status Verifier::read_tables() {
  Result<sqlite::Statement> tables = database_.prepare(
      "SELECT m.name FROM sqlite_schema m WHERE m.type='table' AND (m.name='pinaflux_overflow' OR"
      " m.name IN (SELECT name FROM pinaflux_stream)) ORDER BY m.name");
  if (!tables) return std::unexpected(tables.error());
  for (;;) {
    const Result<bool> row = tables->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    names_.emplace_back(tables->text(0));
  }
  const std::string mask = std::to_string(Ledger::kSeqMax);
  for (const std::string& name : names_) {
    const std::string sql = "SELECT _seq FROM " + Catalog::quoted(name) +
                            " WHERE _id BETWEEN ?1 AND ?2 AND _seq=(_id & " + mask +
                            ") AND _gateway=?3 AND _epoch=?4 AND _lane=?5 ORDER BY _id";
    Result<sqlite::Statement> rows = database_.prepare(sql.c_str());
    if (!rows) return std::unexpected(rows.error());
    rows_.push_back(std::move(*rows));
  }
  return {};
}

Status Verifier::read_lanes() {
  Result<sqlite::Statement> lanes = database_.prepare(
      "SELECT id,gateway,epoch,lane,high,last,redelivered,forks FROM pinaflux_lane"
      " ORDER BY gateway,epoch,lane");
  if (!lanes) return std::unexpected(lanes.error());
  for (;;) {
    const Result<bool> row = lanes->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    Lane lane;
    lane.id = lanes->integer(0);
    LaneReport& report = lane.report;
    report.gateway = lanes->text(1);
    report.epoch = lanes->text(2);
    report.lane = lanes->text(3);
    report.high = seq(lanes->integer(4));
    report.last = seq(lanes->integer(5));
    report.redelivered = seq(lanes->integer(6));
    report.forks = seq(lanes->integer(7));
    by_key_[key_of(report.gateway, report.epoch, report.lane)] = lanes_.size();
    lanes_.push_back(std::move(lane));
  }
}

Status Verifier::read_ranges(Lane& lane) {
  Result<sqlite::Statement> ranges = database_.prepare(
      "SELECT first,last,fate,reason FROM pinaflux_range WHERE lane=? ORDER BY first");
  if (!ranges) return std::unexpected(ranges.error());
  ranges->bind(1, lane.id);
  std::uint64_t next = 1;
  for (;;) {
    const Result<bool> row = ranges->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    take_range(lane, {seq(ranges->integer(0)), seq(ranges->integer(1))}, *ranges, next);
  }
  if (lane.report.last >= next) lane.report.outstanding += lane.report.last - next + 1;
  return {};
}

// `next` is the first seq that has not been looked at.
void Verifier::take_range(Lane& lane, const Range& range, const sqlite::Statement& row,
                          std::uint64_t& next) {
  LaneReport& report = lane.report;
  if (range.first > next) report.outstanding += range.first - next;
  next = range.last + 1;
  switch (static_cast<Fate>(row.integer(2))) {
    case Fate::landed: lane.landed.push_back({range}); return;
    case Fate::thinned: take_thinned(lane, range, row.text(3)); return;
    case Fate::lost: report.lost[std::string(row.text(3))] += range.count(); return;
    case Fate::earlier: report.earlier += range.count(); return;
    case Fate::renumbered: report.renumbered += range.count(); return;
    case Fate::undeclared: break;
  }
  miss(report, range);
}

void Verifier::take_thinned(Lane& lane, const Range& range, std::string_view text) {
  const auto every = parse_integer<std::uint64_t>(text).value_or(0);
  if (every < 2) return miss(lane.report, range);
  lane.landed.push_back({range, every});
  lane.report.lost["thinned"] += range.count() - range.count_every(every);
}

void Verifier::miss(LaneReport& report, const Range& range) {
  report.missing += range.count();
  auto& shown = report.missing_ranges;
  if (!shown.empty() && shown.back().last + 1 == range.first) {
    shown.back().last = range.last;
  } else if (shown.size() < VerifyReport::kRangesShown) {
    shown.push_back(range);
  }
}

// Goes along what the ledger says has landed, as the rows are met in order.
class Walk {
 public:
  explicit Walk(const std::vector<Kept>& landed) : at_(landed.begin()), end_(landed.end()) {
    go_on(0);
  }
  // Takes the next range of seqs below `limit` that is due and was not met; false: none.
  bool skip(std::uint64_t limit, Range& absent) {
    if (at_ == end_ || due_ >= limit) return false;
    absent = {due_, at_->every == 1 ? std::min(at_->range.last, limit - 1) : due_};
    go_on(absent.last + 1);
    return true;
  }
  // False: it is not due.
  bool meet(std::uint64_t seq) {
    if (at_ == end_ || due_ != seq) return false;
    go_on(seq + 1);
    return true;
  }

 private:
  void go_on(std::uint64_t from) {
    for (; at_ != end_; ++at_) {
      const Range left{std::max(from, at_->range.first), at_->range.last};
      if (left.count_every(at_->every) == 0) continue;
      due_ = left.nth(0, at_->every);
      return;
    }
  }

  std::vector<Kept>::const_iterator at_, end_;
  std::uint64_t due_ = 0;
};

void Verifier::bind(sqlite::Statement& rows, const Lane& lane) {
  const std::int64_t first = lane.id << Tables::kSeqBits;
  rows.bind(1, first);
  rows.bind(2, first | static_cast<std::int64_t>(Ledger::kSeqMax));
  rows.bind(3, std::string_view(lane.report.gateway));
  rows.bind(4, std::string_view(lane.report.epoch));
  rows.bind(5, std::string_view(lane.report.lane));
}

Status Verifier::advance(std::size_t table) {
  const Result<bool> row = rows_[table].step();
  if (!row) return std::unexpected(row.error());
  if (*row) heads_.emplace(seq(rows_[table].integer(0)), table);
  return {};
}

// Merges what the tables hold of the lane, and holds it against the ledger.
Status Verifier::recount(Lane& lane) {
  LaneReport& report = lane.report;
  for (std::size_t table = 0; table < rows_.size(); ++table) {
    bind(rows_[table], lane);
    if (Status s = advance(table); !s) return s;
  }
  Walk walk(lane.landed);
  Range absent;
  std::uint64_t last_seen = 0;
  while (!heads_.empty()) {
    const auto [at, table] = heads_.top();
    heads_.pop();
    if (Status s = advance(table); !s) return s;
    if (at == last_seen) {
      ++report.duplicates;
      continue;
    }
    last_seen = at;
    while (walk.skip(at, absent)) miss(report, absent);
    ++(walk.meet(at) ? report.landed : report.extra);
  }
  while (walk.skip(Ledger::kSeqMax + 1, absent)) miss(report, absent);
  return {};
}

bool Verifier::has_landed(const Lane& lane, std::uint64_t at) {
  const auto behind =
      std::ranges::upper_bound(lane.landed, at, {}, [](const Kept& k) { return k.range.first; });
  if (behind == lane.landed.begin()) return false;
  const Kept& kept = *std::prev(behind);
  return kept.range.last >= at && at % kept.every == 0;
}

Status Verifier::find_strays(const std::string& table) {
  const std::string bits = std::to_string(Tables::kSeqBits);
  const std::string mask = std::to_string(Ledger::kSeqMax);
  const std::string sql = "SELECT t._gateway,t._epoch,t._lane,t._seq FROM " +
                          Catalog::quoted(table) +
                          " t LEFT JOIN pinaflux_lane l ON l.id=(t._id >> " + bits +
                          ") WHERE l.id IS NULL OR t._seq"
                          " IS NOT (t._id & " +
                          mask +
                          ") OR t._gateway IS NOT l.gateway OR t._epoch IS NOT l.epoch OR"
                          " t._lane IS NOT l.lane";
  Result<sqlite::Statement> strays = database_.prepare(sql.c_str());
  if (!strays) return std::unexpected(strays.error());
  for (;;) {
    const Result<bool> row = strays->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    const auto found = by_key_.find(key_of(strays->text(0), strays->text(1), strays->text(2)));
    if (found == by_key_.end()) {
      ++strays_;
      continue;
    }
    Lane& lane = lanes_[found->second];
    if (has_landed(lane, seq(strays->integer(3)))) {
      ++lane.report.duplicates;
    } else {
      ++lane.report.extra;
    }
  }
}

Status recognise(sqlite::Database& database) {
  const Result<std::int64_t> owner = database.integer("PRAGMA application_id");
  if (!owner) return std::unexpected(owner.error());
  const Result<std::int64_t> version = database.integer("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  if (*owner != SqliteHome::kApplicationId) {
    return fail(Code::invalid, "this is not a collector's database");
  }
  if (*version > SqliteHome::kVersion) {
    return fail(Code::newer, "this database was written by a newer collector: use that one");
  }
  return {};
}

}  // namespace

std::uint64_t LaneReport::lost_count() const {
  std::uint64_t count = 0;
  for (const auto& [reason, records] : lost) count += records;
  return count;
}

bool VerifyReport::complete() const {
  return strays == 0 && std::ranges::all_of(lanes, [](const LaneReport& lane) {
           return lane.missing == 0 && lane.duplicates == 0 && lane.extra == 0;
         });
}

Result<VerifyReport> verify(const std::string& path, const char* vfs) {
  Result<std::unique_ptr<sqlite::Database>> database = sqlite::Database::open(
      {.path = path, .cache_kibibytes = 16 * 1024, .read_only = true, .vfs = vfs});
  if (!database) return std::unexpected(database.error());
  if (Status s = (*database)->begin(); !s) return std::unexpected(s.error());
  if (Status s = recognise(**database); !s) return std::unexpected(s.error());
  return Verifier(**database).run();
}

}  // namespace pinaflux
