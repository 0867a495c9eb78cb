// A table is told by the number, the types and the lengths of its columns: the tables of one spool differ
// in them.

#include "agent/spool/damaged_rows.h"

#include <cstdint>

namespace pinaflux::damaged {

namespace {

constexpr std::size_t kQueueColumns = 11, kLaneColumns = 8, kKeyColumns = 4;

bool is_hash(const Row& row, Kind kind, bool sealed) {
  if (kind == Kind::chunk) return is(row, kHashColumn, Type::null);
  if (!sealed) return is_blob(row, kHashColumn, sizeof(Digest));
  return is(row, kHashColumn, Type::blob) && row.columns[kHashColumn].length == kSealedDigestsBytes;
}

}  // namespace

bool is(const Row& row, std::size_t column, Type type) { return row.columns[column].type == type; }

bool is_blob(const Row& row, std::size_t column, std::size_t bytes) {
  const auto& c = row.columns[column];
  return c.type == Type::blob && c.length == bytes && row.holds(c);
}

std::string text_of(const Row& row, std::size_t column) {
  return std::string(as_text(row.bytes(row.columns[column])));
}

bool is_lane(const Row& row) {
  if (row.columns.size() != kLaneColumns || row.id <= 0 || row.id >= Queue::kLaneIdEnd)
    return false;
  for (const std::size_t i : {1, 2}) {
    if (!is(row, i, Type::text) || !row.holds(row.columns[i])) return false;
  }
  for (const std::size_t i : {4, 5, 6}) {
    if (!is(row, i, Type::integer) || row.columns[i].integer < 0) return false;
  }
  const bool chained =
      is_blob(row, 7, sizeof(Digest)) || is_blob(row, 7, Encryption::kSealedChainBytes);
  return is(row, 0, Type::null) && is_blob(row, 3, sizeof(Epoch)) && chained &&
         row.columns[4].integer > row.columns[5].integer;
}

bool is_key(const Row& row) {
  return row.columns.size() == kKeyColumns && row.id > 0 && is(row, 0, Type::null) &&
         is_blob(row, 1, Encryption::kSaltBytes) && is_blob(row, 2, sizeof(Encryption::Check)) &&
         is_blob(row, 3, sizeof(Encryption::RowDigest));
}

bool is_entry(const Row& row) {
  if (row.columns.size() != kQueueColumns || row.id < 0) return false;
  for (std::size_t i = 1; i <= 6; ++i) {
    if (!is(row, i, Type::integer)) return false;
  }
  const std::int64_t stored = row.columns[1].integer, count = row.columns[2].integer;
  const std::int64_t kind = stored & Queue::kKindMask;
  const bool grave = kind == static_cast<std::int64_t>(Kind::tombstone);
  const bool body = is(row, kBodyColumn, Type::blob) || grave;
  const std::int64_t loss = row.columns[9].integer;
  return is(row, 0, Type::null) && stored >= 0 && kind <= 2 && count >= 1 &&
         count < static_cast<std::int64_t>(Queue::kSeqEnd) && body &&
         is_reason(static_cast<Kind>(kind), loss) && !(grave && loss == 0) &&
         is_hash(row, static_cast<Kind>(kind), stored > Queue::kKindMask);
}

Entry entry_of(const Row& row) {
  Entry e;
  e.lane = row.id / static_cast<std::int64_t>(Queue::kSeqEnd);
  e.kind = static_cast<Kind>(row.columns[1].integer & Queue::kKindMask);
  e.key = row.columns[1].integer >> Queue::kKeyShift;
  e.range.first = static_cast<std::uint64_t>(row.id) % Queue::kSeqEnd;
  e.range.last = e.range.first + static_cast<std::uint64_t>(row.columns[2].integer) - 1;
  e.time_first = row.columns[3].integer;
  e.time_last = row.columns[4].integer;
  e.boot = static_cast<std::uint64_t>(row.columns[5].integer);
  e.age = row.columns[6].integer;
  if (e.key == 0) {
    e.hash = array_of<Digest>(row, kHashColumn);
    e.previous = array_of<Digest>(row, 8);
  }
  take_reason(e, row.columns[9].integer);
  return e;
}

}  // namespace pinaflux::damaged
