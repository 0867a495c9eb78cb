#include "agent/spool/damaged_rows.h"

#include <cstdint>

namespace pinaflux::damaged {

namespace {

constexpr std::size_t kQueueColumns = 11, kLaneColumns = 8;

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
  return is(row, 0, Type::null) && is_blob(row, 3, sizeof(Epoch)) &&
         is_blob(row, 7, sizeof(Digest)) && row.columns[4].integer > row.columns[5].integer;
}

bool is_entry(const Row& row) {
  if (row.columns.size() != kQueueColumns || row.id < 0) return false;
  for (std::size_t i = 1; i <= 6; ++i) {
    if (!is(row, i, Type::integer)) return false;
  }
  const std::int64_t kind = row.columns[1].integer, count = row.columns[2].integer;
  const bool chunk = kind == static_cast<std::int64_t>(Kind::chunk);
  const bool hashed = chunk ? is(row, 7, Type::null) : is_blob(row, 7, sizeof(Digest));
  const bool grave = kind == static_cast<std::int64_t>(Kind::tombstone);
  const bool body = is(row, kBodyColumn, Type::blob) || grave;
  const std::int64_t loss = row.columns[9].integer;
  const bool reason = grave ? loss > 0 && loss <= static_cast<std::int64_t>(kLossLast) : loss == 0;
  return is(row, 0, Type::null) && kind >= 0 && kind <= 2 && count >= 1 &&
         count < static_cast<std::int64_t>(Queue::kSeqEnd) && hashed && body && reason;
}

Entry entry_of(const Row& row) {
  Entry e;
  e.lane = row.id / static_cast<std::int64_t>(Queue::kSeqEnd);
  e.kind = static_cast<Kind>(row.columns[1].integer);
  e.range.first = static_cast<std::uint64_t>(row.id) % Queue::kSeqEnd;
  e.range.last = e.range.first + static_cast<std::uint64_t>(row.columns[2].integer) - 1;
  e.time_first = row.columns[3].integer;
  e.time_last = row.columns[4].integer;
  e.boot = static_cast<std::uint64_t>(row.columns[5].integer);
  e.age = row.columns[6].integer;
  e.hash = array_of<Digest>(row, 7);
  e.previous = array_of<Digest>(row, 8);
  e.loss = static_cast<Loss>(row.columns[9].integer);
  return e;
}

}  // namespace pinaflux::damaged
