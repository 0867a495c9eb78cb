// A lane that works is one row, whose end moves:
//
//   1-4000 landed
//   1-4000 landed, 4001-4500 lost (evicted), 4501-9000 landed, 9101-9200 landed     9001-9100 is a gap
//
// Each change looks up its neighbours by the primary key (lane, first), so its cost does not grow with
// the age of the lane.

#include "agent/collector/settled.h"

#include <algorithm>
#include <utility>

namespace pinaflux {

namespace {

constexpr const char* kTable =
    "CREATE TABLE IF NOT EXISTS pinaflux_range(lane INTEGER NOT NULL, first INTEGER NOT NULL,"
    " last INTEGER NOT NULL, fate INTEGER NOT NULL, reason TEXT NOT NULL,"
    " PRIMARY KEY(lane, first)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS pinaflux_range_break ON pinaflux_range(lane, first)"
    " WHERE fate IN (2,3,5)";

constexpr const char* kOverlapping =
    "SELECT first,last,fate,reason FROM pinaflux_range WHERE lane=?1 AND first<=?3 AND last>=?2 AND"
    " first>=coalesce((SELECT max(first) FROM pinaflux_range WHERE lane=?1 AND first<=?2),0)"
    " ORDER BY first";

constexpr const char* kHolding =
    "SELECT last FROM pinaflux_range WHERE lane=?1 AND"
    " first=(SELECT max(first) FROM pinaflux_range WHERE lane=?1 AND first<=?2)";

int rank(Fate fate) {
  switch (fate) {
    case Fate::landed:
    case Fate::thinned: return 3;
    case Fate::lost: return 2;
    case Fate::earlier:
    case Fate::undeclared:
    case Fate::renumbered: return 1;
  }
  return 0;
}

std::int64_t stored(std::uint64_t seq) { return static_cast<std::int64_t>(seq); }
std::uint64_t seq(std::int64_t stored) { return static_cast<std::uint64_t>(stored); }

bool alike(const Stretch& a, const Stretch& b) { return a.fate == b.fate && a.reason == b.reason; }

}  // namespace

Result<Settled> Settled::prepare(sqlite::Database& database) {
  if (Status s = database.execute(kTable); !s) return std::unexpected(s.error());
  Settled settled;
  const std::pair<sqlite::Statement*, const char*> all[] = {
      {&settled.overlapping_, kOverlapping},
      {&settled.put_, "INSERT INTO pinaflux_range VALUES(?,?,?,?,?)"},
      {&settled.erase_, "DELETE FROM pinaflux_range WHERE lane=? AND first=?"},
      {&settled.holding_, kHolding},
      {&settled.above_,
       "SELECT first,last FROM pinaflux_range WHERE lane=? AND first>? ORDER BY first"},
      {&settled.down_,
       "SELECT first,last,fate FROM pinaflux_range WHERE lane=? AND first>? ORDER BY first DESC"},
      {&settled.break_,
       "SELECT last FROM pinaflux_range WHERE lane=? AND first<=? AND fate IN (2,3,5)"
       " ORDER BY first DESC LIMIT 1"},
      {&settled.any_above_, "SELECT 1 FROM pinaflux_range WHERE lane=? AND first>? LIMIT 1"},
      {&settled.any_, "SELECT 1 FROM pinaflux_range WHERE lane=? LIMIT 1"},
  };
  if (Status s = database.prepare_all(all); !s) return std::unexpected(s.error());
  return settled;
}

// What is there of the same rank or a higher one stays, and the new stretch fills the room between.
Status Settled::settle(std::int64_t lane, const Stretch& stretch) {
  const auto there = overlapping(lane, stretch.range);
  if (!there) return std::unexpected(there.error());
  Range left = stretch.range;
  for (const Stretch& old : *there) {
    if (rank(old.fate) < rank(stretch.fate)) {
      if (Status s = replace(lane, old, stretch.range); !s) return s;
      continue;
    }
    const Range before{left.first, old.range.first - 1};
    if (before.count() > 0) {
      if (Status s = join(lane, {before, stretch.fate, stretch.reason}); !s) return s;
    }
    left.first = old.range.last + 1;
  }
  return left.count() > 0 ? join(lane, {left, stretch.fate, stretch.reason}) : Status();
}

// Leaves of `old` what `by` does not cover.
Status Settled::replace(std::int64_t lane, const Stretch& old, const Range& by) {
  if (Status s = erase(lane, old.range.first); !s) return s;
  if (old.range.first < by.first) {
    if (Status s = put(lane, {{old.range.first, by.first - 1}, old.fate, old.reason}); !s) return s;
  }
  if (old.range.last > by.last) {
    return put(lane, {{by.last + 1, old.range.last}, old.fate, old.reason});
  }
  return {};
}

// Writes a stretch that covers nothing settled, as one with neighbours that are alike.
Status Settled::join(std::int64_t lane, Stretch stretch) {
  const auto near = overlapping(lane, {stretch.range.first - 1, stretch.range.last + 1});
  if (!near) return std::unexpected(near.error());
  for (const Stretch& neighbour : *near) {
    if (!alike(neighbour, stretch)) continue;
    if (Status s = erase(lane, neighbour.range.first); !s) return s;
    if (neighbour.range.first < stretch.range.first) stretch.range.first = neighbour.range.first;
    if (neighbour.range.last > stretch.range.last) stretch.range.last = neighbour.range.last;
  }
  return put(lane, stretch);
}

Status Settled::put(std::int64_t lane, const Stretch& stretch) {
  put_.bind(1, lane);
  put_.bind(2, stored(stretch.range.first));
  put_.bind(3, stored(stretch.range.last));
  put_.bind(4, static_cast<std::int64_t>(stretch.fate));
  put_.bind(5, std::string_view(stretch.reason));
  return put_.run();
}

Status Settled::erase(std::int64_t lane, std::uint64_t first) {
  erase_.bind(1, lane);
  erase_.bind(2, stored(first));
  return erase_.run();
}

Result<std::vector<Stretch>> Settled::overlapping(std::int64_t lane, const Range& range) {
  const sqlite::Reading reading(overlapping_);
  overlapping_.bind(1, lane);
  overlapping_.bind(2, stored(range.first));
  overlapping_.bind(3, stored(range.last));
  std::vector<Stretch> stretches;
  for (;;) {
    const Result<bool> row = overlapping_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return stretches;
    stretches.push_back({{seq(overlapping_.integer(0)), seq(overlapping_.integer(1))},
                         static_cast<Fate>(overlapping_.integer(2)),
                         std::string(overlapping_.text(3))});
  }
}

Result<std::uint64_t> Settled::prefix_end(std::int64_t lane, std::uint64_t high) {
  for (;;) {
    const sqlite::Reading reading(holding_);
    holding_.bind(1, lane);
    holding_.bind(2, stored(high + 1));
    const Result<bool> row = holding_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row || seq(holding_.integer(0)) <= high) return high;
    high = seq(holding_.integer(0));
  }
}

Result<std::vector<Range>> Settled::gaps(std::int64_t lane, std::uint64_t high,
                                         std::size_t count_max) {
  const sqlite::Reading reading(above_);
  above_.bind(1, lane);
  above_.bind(2, stored(high));
  std::vector<Range> gaps;
  std::uint64_t next = high + 1;
  while (gaps.size() < count_max) {
    const Result<bool> row = above_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    const Range gap{next, seq(above_.integer(0)) - 1};
    if (gap.count() > 0) gaps.push_back(gap);
    next = seq(above_.integer(1)) + 1;
  }
  return gaps;
}

Result<std::uint64_t> Settled::linked_from(std::int64_t lane, std::uint64_t high) {
  const sqlite::Reading reading(break_);
  break_.bind(1, lane);
  break_.bind(2, stored(high));
  const Result<bool> row = break_.step();
  if (!row) return std::unexpected(row.error());
  return *row ? seq(break_.integer(0)) + 1 : 1;
}

Result<std::vector<Range>> Settled::above(std::int64_t lane, std::uint64_t high,
                                          std::size_t count_max) {
  const sqlite::Reading reading(down_);
  down_.bind(1, lane);
  down_.bind(2, stored(high));
  std::vector<Range> ranges;
  for (;;) {
    const Result<bool> row = down_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    if (!is_linked(static_cast<Fate>(down_.integer(2)))) continue;
    const Range range{seq(down_.integer(0)), seq(down_.integer(1))};
    if (!ranges.empty() && range.last + 1 == ranges.back().first) {
      ranges.back().first = range.first;
    } else if (ranges.size() == count_max) {
      break;
    } else {
      ranges.push_back(range);
    }
  }
  std::ranges::reverse(ranges);
  return ranges;
}

Result<bool> Settled::any_above(std::int64_t lane, std::uint64_t high) {
  const sqlite::Reading reading(any_above_);
  any_above_.bind(1, lane);
  any_above_.bind(2, stored(high));
  return any_above_.step();
}

Result<bool> Settled::any(std::int64_t lane) {
  const sqlite::Reading reading(any_);
  any_.bind(1, lane);
  return any_.step();
}

}  // namespace pinaflux
