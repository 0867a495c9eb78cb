// Two sets are compared for each lane: what the ledger says has landed, and what is there.
//
//   ledger   1-40 landed   41-50 lost (evicted)   51-90 landed
//   tables   "boiler": 1,2,4,6 ... 90   "pump": 3,5,7 ... 89       merged in order of seq
//
// Rows that lie in NDJSON files alone are merged with them, see recount_files.cc.
//
// Rows whose columns do not fit their key were not landed by us (somebody inserted or
// changed them): they are looked for by a scan of each table, and count as what their columns say.

#include "agent/collector/verify.h"

#include <algorithm>
#include <utility>

#include "agent/collector/postgres.h"
#include "agent/collector/recount.h"
#include "agent/collector/tables.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

// The seqs of `range` that `every` divides have landed.
struct Kept {
  Range range;
  std::uint64_t every = 1;
};

struct Absent {
  Range range;
  std::uint64_t count = 0;
  std::string reason;  // Empty: missing.
};

class Verifier {
 public:
  explicit Verifier(Recount& recount, bool by_day = false) : recount_(recount), by_day_(by_day) {}
  Result<VerifyReport> run();
  // Without the rows.
  Result<VerifyReport> account();

 private:
  struct Lane {
    std::int64_t id = 0;
    LaneReport report;
    std::vector<Kept> landed;    // What the ledger says, in order,
    std::vector<Absent> absent;  // and what it says of the others, if they are wanted by day.
  };

  Status read_lanes();
  VerifyReport take_report();
  Status read_ranges(Lane& lane);
  Status recount(Lane& lane);
  void take_stray(std::string_view gateway, std::string_view epoch, std::string_view lane,
                  std::uint64_t seq);
  void take_range(Lane& lane, const Stretch& stretch, std::uint64_t& next) const;
  void take_thinned(Lane& lane, const Range& range, std::string_view text) const;
  void lose(Lane& lane, const Range& range, std::uint64_t count, const std::string& reason) const;
  static void miss(LaneReport& report, const Range& range);
  static bool has_landed(const Lane& lane, std::uint64_t seq);

  Recount& recount_;
  const bool by_day_;
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

Status Verifier::read_lanes() {
  return recount_.lanes([this](std::int64_t id, LaneReport&& report) {
    by_key_[key_of(report.gateway, report.epoch, report.lane)] = lanes_.size();
    lanes_.push_back({id, std::move(report), {}, {}});
  });
}

VerifyReport Verifier::take_report() {
  VerifyReport report;
  report.strays = strays_;
  recount_.tell_files(report);
  for (const auto& [key, at] : by_key_) report.lanes.push_back(std::move(lanes_[at].report));
  return report;
}

Result<VerifyReport> Verifier::account() {
  if (Status s = read_lanes(); !s) return std::unexpected(s.error());
  std::map<std::int64_t, WallTime> gaps;
  Status done =
      recount_.gaps([&](std::int64_t lane, WallTime since) { gaps.emplace(lane, since); });
  if (!done) return std::unexpected(done.error());
  for (Lane& lane : lanes_) {
    if (Status s = read_ranges(lane); !s) return std::unexpected(s.error());
    for (const Kept& kept : lane.landed) lane.report.landed += kept.range.count_every(kept.every);
    if (gaps.contains(lane.id)) lane.report.gap_since = gaps[lane.id];
  }
  VerifyReport report = take_report();
  done = recount_.gateways(
      [&](GatewayReport&& gateway) { report.gateways.push_back(std::move(gateway)); });
  return done ? Result<VerifyReport>(std::move(report)) : std::unexpected(done.error());
}

Result<VerifyReport> Verifier::run() {
  if (Status s = read_lanes(); !s) return std::unexpected(s.error());
  for (Lane& lane : lanes_) {
    if (Status s = read_ranges(lane); !s) return std::unexpected(s.error());
    if (Status s = recount(lane); !s) return std::unexpected(s.error());
  }
  Status done = recount_.strays(
      [this](std::string_view gateway, std::string_view epoch, std::string_view lane,
             std::uint64_t seq) { take_stray(gateway, epoch, lane, seq); });
  if (!done) return std::unexpected(done.error());
  return take_report();
}

Status Verifier::read_ranges(Lane& lane) {
  std::uint64_t next = 1;
  Status read =
      recount_.ranges(lane.id, [&](Stretch&& stretch) { take_range(lane, stretch, next); });
  if (read && lane.report.last >= next) lane.report.outstanding += lane.report.last - next + 1;
  return read;
}

// `next` is the first seq that has not been looked at.
void Verifier::take_range(Lane& lane, const Stretch& stretch, std::uint64_t& next) const {
  LaneReport& report = lane.report;
  const Range& range = stretch.range;
  if (range.first > next) report.outstanding += range.first - next;
  next = range.last + 1;
  switch (stretch.fate) {
    case Fate::landed: lane.landed.push_back({range}); return;
    case Fate::thinned: take_thinned(lane, range, stretch.reason); return;
    case Fate::lost: return lose(lane, range, range.count(), stretch.reason);
    case Fate::earlier: report.earlier += range.count(); return;
    case Fate::renumbered: report.renumbered += range.count(); return;
    case Fate::undeclared: break;
  }
  miss(report, range);
  if (by_day_) lane.absent.push_back({range, range.count(), {}});
}

void Verifier::lose(Lane& lane, const Range& range, std::uint64_t count,
                    const std::string& reason) const {
  lane.report.lost[reason] += count;
  if (by_day_) lane.absent.push_back({range, count, reason});
}

void Verifier::take_thinned(Lane& lane, const Range& range, std::string_view text) const {
  const auto every = parse_integer<std::uint64_t>(text).value_or(0);
  if (every < 2) {
    if (by_day_) lane.absent.push_back({range, range.count(), {}});
    return miss(lane.report, range);
  }
  lane.landed.push_back({range, every});
  lose(lane, range, range.count() - range.count_every(every), "thinned");
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

// Gives each record its day, as the rows are met in order.
class Days {
 public:
  Days(std::map<Day, DayReport>& days, const std::vector<Absent>& absent)
      : days_(days), at_(absent.begin()), end_(absent.end()) {}

  void meet(std::uint64_t seq, Day day) {
    if (!begun_) last_ = day;
    pass(seq);
    begun_ = true;
    last_ = day;
  }
  void land() { ++days_[last_].landed; }
  void miss(const Range& range) { days_[last_].missing += range.count(); }
  // All that is not there and ends before `seq`.
  void pass(std::uint64_t seq) {
    for (; at_ != end_ && at_->range.last < seq; ++at_) {
      DayReport& day = days_[last_];
      (at_->reason.empty() ? day.missing : day.lost[at_->reason]) += at_->count;
    }
  }

 private:
  std::map<Day, DayReport>& days_;
  std::vector<Absent>::const_iterator at_, end_;
  Day last_;
  bool begun_ = false;
};

// Cuts what is not found into what lies in files that were moved away, and the rest.
class Away {
 public:
  Away(const std::vector<Range>& away, const Range& absent)
      : at_(std::ranges::lower_bound(away, absent.first, {}, &Range::last)),
        end_(away.end()),
        rest_(absent) {}
  bool next(Range& part) {
    if (rest_.count() == 0) return false;
    moved_ = at_ != end_ && at_->first <= rest_.first;
    part = rest_;
    if (moved_) {
      part.last = std::min(rest_.last, at_->last);
      ++at_;
    } else if (at_ != end_ && at_->first <= rest_.last) {
      part.last = at_->first - 1;
    }
    rest_.first = part.last + 1;
    return true;
  }
  bool moved() const { return moved_; }

 private:
  std::vector<Range>::const_iterator at_, end_;
  Range rest_;
  bool moved_ = false;
};

Status Verifier::recount(Lane& lane) {
  LaneReport& report = lane.report;
  Walk walk(lane.landed);
  Days days(report.days, lane.absent);
  Range absent;
  std::uint64_t last_seen = 0;
  const auto away = recount_.away(lane.id);
  if (!away) return std::unexpected(away.error());
  const auto miss_one = [&] {
    Away parts(*away, absent);
    for (Range part; parts.next(part);) {
      if (parts.moved()) {
        report.moved += part.count();
        continue;
      }
      miss(report, part);
      if (by_day_) days.miss(part);
    }
  };
  Status read = recount_.seqs(lane.id, report, [&](std::uint64_t at, Day day) {
    if (at == last_seen) {
      ++report.duplicates;
      return;
    }
    last_seen = at;
    while (walk.skip(at, absent)) miss_one();
    if (by_day_) days.meet(at, day);
    const bool known = walk.meet(at);
    ++(known ? report.landed : report.extra);
    if (by_day_ && known) days.land();
  });
  while (read && walk.skip(Tables::kSeqMax + 1, absent)) miss_one();
  if (by_day_) days.pass(Tables::kSeqMax + 1);
  return read;
}

bool Verifier::has_landed(const Lane& lane, std::uint64_t at) {
  const auto behind =
      std::ranges::upper_bound(lane.landed, at, {}, [](const Kept& k) { return k.range.first; });
  if (behind == lane.landed.begin()) return false;
  const Kept& kept = *std::prev(behind);
  return kept.range.last >= at && at % kept.every == 0;
}

void Verifier::take_stray(std::string_view gateway, std::string_view epoch, std::string_view lane,
                          std::uint64_t seq) {
  const auto found = by_key_.find(key_of(gateway, epoch, lane));
  if (found == by_key_.end()) {
    ++strays_;
    return;
  }
  Lane& known = lanes_[found->second];
  ++(has_landed(known, seq) ? known.report.duplicates : known.report.extra);
}

}  // namespace

std::uint64_t LaneReport::lost_count() const {
  std::uint64_t count = 0;
  for (const auto& [reason, records] : lost) count += records;
  return count;
}

bool VerifyReport::complete() const {
  return strays == 0 && pieces_damaged == 0 &&
         std::ranges::all_of(lanes, [](const LaneReport& lane) {
           return lane.missing == 0 && lane.duplicates == 0 && lane.extra == 0;
         });
}

std::uint64_t VerifyReport::moved_count() const {
  std::uint64_t count = 0;
  for (const LaneReport& lane : lanes) count += lane.moved;
  return count;
}

namespace {

Result<std::unique_ptr<Recount>> recount_of(const std::string& database, const char* vfs,
                                            std::string* why, Files* files, bool by_day = false) {
  std::string words;
  auto recount = postgres::Connection::is_address(database)
                     ? recount_postgres(database, words)
                     : recount_sqlite(database, vfs, files, by_day);
  if (why != nullptr) *why = words;
  return recount;
}

}  // namespace

Result<VerifyReport> verify(const std::string& database, const char* vfs, std::string* why,
                            bool by_day, Files* files) {
  const auto recount = recount_of(database, vfs, why, files, by_day);
  if (!recount) return std::unexpected(recount.error());
  auto report = Verifier(**recount, by_day).run();
  if (!report && why != nullptr && why->empty()) *why = (*recount)->unreadable();
  return report;
}

Result<VerifyReport> account(const std::string& database, std::string* why) {
  const auto recount = recount_of(database, nullptr, why, nullptr);
  if (!recount) return std::unexpected(recount.error());
  return Verifier(**recount).account();
}

}  // namespace pinaflux
