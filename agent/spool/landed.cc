// A lane that sends its newest first:
//
//   queue    [1-10 a] [11-20 b] [21-30 c] [31-40 d]      chunk 41-43
//   ack      31-40, hash d
//   queue    [1-10 a] [11-20 b] [21-30 c] {landed 31-40, previous c, through d}   chunk 41-43
//   ack      21-30, hash c
//   queue    [1-10 a] [11-20 b] {landed 21-40, previous b, through d}   chunk 41-43
//   ack      up to 20, hash b
//   queue    chunk 41-43                                  acked 40
//
// The row that stays says to whoever walks the queue that nothing is missing, and what the chain is behind it.

#include "agent/spool/landed.h"

#include <algorithm>
#include <vector>

#include "agent/spool/schema.h"
#include "agent/spool/tombstone.h"

namespace pinaflux::landed {

namespace {

void account(Lane& lane, const Entry& gone) {
  if (gone.kind != Kind::envelope) return;
  lane.at.records -= gone.records();
  lane.at.bytes -= gone.bytes;
  lane.at.front_moved = true;
}

enum class Truth { proved, passed, contradicted };

// `passed`: what ended there is part of a tombstone now, or of a thinned envelope, which will be acknowledged itself.
Result<Truth> judge(Queue& queue, const Lane& lane, const LaneAck& ack) {
  const auto entry = queue.last_before(lane.id, ack.range.last + 1);
  if (!entry) return std::unexpected(entry.error());
  if (!*entry || (*entry)->kind == Kind::chunk) return Truth::contradicted;
  if ((*entry)->range.last != ack.range.last) {
    return is_stand_in(**entry) ? Truth::passed : Truth::contradicted;
  }
  const auto named = is_named(queue, **entry, *ack.unproved);
  if (!named) return std::unexpected(named.error());
  return *named ? Truth::proved : Truth::contradicted;
}

Status erase_front(Queue& queue, Lane& lane, std::uint64_t last) {
  Progress& at = lane.at;
  for (;;) {
    const auto entry = queue.at_or_after(lane.id, at.acked + 1);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry && at.acked < last) return fail(Code::corrupt, "the queue has lost an envelope");
    if (!*entry || ((*entry)->range.last > last && !has_landed(**entry))) break;
    if (Status s = queue.erase(**entry); !s) return s;
    account(lane, **entry);
    at.acked = (*entry)->range.last;
    at.changed = at.front_moved = true;
  }
  at.leased.forget_up_to(at.acked);
  return {};
}

// The rows that lie within `range`, and those beside them that have landed.
Result<std::vector<Entry>> rows_of(Queue& queue, const Lane& lane, const Range& range) {
  std::vector<Entry> rows;
  const auto before = queue.last_before(lane.id, range.first);
  if (!before) return std::unexpected(before.error());
  std::uint64_t next = range.first;
  if (*before && has_landed(**before)) next = (*before)->range.first;
  for (;;) {
    const auto entry = queue.at_or_after(lane.id, next);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry || (*entry)->kind == Kind::chunk) return rows;
    const bool within = (*entry)->range.last <= range.last;
    if (!within && (rows.empty() || !has_landed(**entry))) return rows;
    rows.push_back(**entry);
    next = (*entry)->range.last + 1;
  }
}

// One row for all of them.
Result<Entry> joined(Queue& queue, const Lane& lane, const std::vector<Entry>& rows) {
  const auto before = queue.last_before(lane.id, rows.front().range.first);
  if (!before) return std::unexpected(before.error());
  const auto previous = *before && !(*before)->damaged
                            ? tombstone::hash_of(queue, **before)
                            : tombstone::chain_before(queue, lane, rows.front(), *before);
  if (!previous) return std::unexpected(previous.error());
  const auto through = tombstone::chain_after(queue, lane, rows.back());
  if (!through) return std::unexpected(through.error());
  Entry whole = rows.front();
  whole.kind = Kind::tombstone;
  whole.loss = Loss::landed;
  whole.range.last = rows.back().range.last;
  whole.previous = *previous;
  whole.hash = *through;
  for (const Entry& row : rows) tombstone::cover_times(whole, row);
  return whole;
}

Status replace(Store& store, Lane& lane, const Range& range) {
  Queue& queue = *store.queue;
  const auto rows = rows_of(queue, lane, range);
  if (!rows) return std::unexpected(rows.error());
  if (std::ranges::all_of(*rows, has_landed)) return {};
  const auto whole = joined(queue, lane, *rows);
  if (!whole) return std::unexpected(whole.error());
  for (const Entry& row : *rows) {
    if (Status s = queue.erase(row); !s) return s;
    account(lane, row);
  }
  const Status marked = schema::raise_version(*store.database, schema::version_for(*whole));
  return marked ? queue.put(*whole, {}) : marked;
}

}  // namespace

Result<bool> is_named(Queue& queue, const Entry& row, const Digest& hash) {
  const auto its = tombstone::hash_of(queue, row);
  if (!its) return std::unexpected(its.error());
  return *its == hash;
}

Result<bool> take(Store& store, Lane& lane, const LaneAck& ack) {
  if (ack.epoch != lane.epoch || ack.range.last > lane.at.sealed_last) return false;
  if (ack.range.last <= lane.at.acked) return true;
  if (ack.unproved) {
    const auto truth = judge(*store.queue, lane, ack);
    if (!truth) return std::unexpected(truth.error());
    if (*truth != Truth::proved) return *truth == Truth::passed;
  }
  const bool from_front = ack.range.first <= lane.at.acked + 1;
  const Status done = from_front ? erase_front(*store.queue, lane, ack.range.last)
                                 : replace(store, lane, ack.range);
  return done ? Result<bool>(true) : std::unexpected(done.error());
}

}  // namespace pinaflux::landed
