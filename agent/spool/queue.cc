// One table for envelopes, tombstones and chunks, because they are one sequence: the order of sending,
// of deleting and of eviction is the order of the key, and whatever covers a seq is found by one seek.
//
// The key is lane << 48 | first seq, an INTEGER PRIMARY KEY: no second index is written. The body is the
// last column, so that all others lie in the leaf page even when the body fills a hundred overflow pages
// (a leaf of 1,024 bytes keeps at least 103 of a row): scanning the queue does not read the bodies.

#include "agent/spool/queue.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace pinaflux {

namespace {

constexpr int kSeqBits = 48;
constexpr std::uint64_t kSeqMask = Queue::kSeqEnd - 1;

std::int64_t key(LaneId lane, std::uint64_t seq) {
  ASSERT(lane >= 0 && lane < Queue::kLaneIdEnd);
  ASSERT(seq < Queue::kSeqEnd);
  return static_cast<std::int64_t>((static_cast<std::uint64_t>(lane) << kSeqBits) | seq);
}

Bytes bytes_of(const Digest& digest) { return {digest.data(), digest.size()}; }

Digest digest_of(Bytes bytes) {
  Digest digest{};
  if (bytes.size() == digest.size()) std::ranges::copy(bytes, digest.begin());
  return digest;
}

constexpr const char* kSelect =
    "SELECT id,kind,count,time_first,time_last,boot,age,hash,previous,loss,length(body) FROM "
    "queue ";

Entry entry_of(const sqlite::Statement& row) {
  Entry e;
  const auto id = static_cast<std::uint64_t>(row.integer(0));
  e.lane = static_cast<LaneId>(id >> kSeqBits);
  e.kind = static_cast<Kind>(row.integer(1));
  e.range.first = id & kSeqMask;
  e.range.last = e.range.first + static_cast<std::uint64_t>(row.integer(2)) - 1;
  e.time_first = row.integer(3);
  e.time_last = row.integer(4);
  e.boot = static_cast<std::uint64_t>(row.integer(5));
  e.age = row.integer(6);
  e.hash = digest_of(row.blob(7));
  e.previous = digest_of(row.blob(8));
  e.loss = static_cast<Loss>(row.integer(9));
  e.bytes = static_cast<std::uint64_t>(row.integer(10));
  return e;
}

bool sound(const sqlite::Statement& row) {
  const std::int64_t kind = row.integer(1), count = row.integer(2), loss = row.integer(9);
  return row.integer(0) >= 0 && kind >= 0 && kind <= 2 && count >= 1 &&
         count < static_cast<std::int64_t>(Queue::kSeqEnd) && loss >= 0 &&
         loss <= static_cast<std::int64_t>(kLossLast);
}

}  // namespace

const char* loss_name(Loss loss) {
  switch (loss) {
    case Loss::none: return "none";
    case Loss::evicted: return "evicted";
    case Loss::expired: return "expired";
    case Loss::damaged: return "damaged";
    case Loss::too_large: return "too_large";
    case Loss::purged: return "purged";
  }
  return "?";
}

Result<Queue> Queue::prepare(sqlite::Database& database) {
  Queue queue;
  const std::string select = kSelect;
  const struct {
    sqlite::Statement Queue::* statement;
    std::string sql;
  } all[] = {
      {&Queue::put_, "INSERT INTO queue VALUES(?,?,?,?,?,?,?,?,?,?,?)"},
      {&Queue::erase_, "DELETE FROM queue WHERE id=?"},
      {&Queue::widen_, "UPDATE queue SET count=?2,time_first=?3,time_last=?4,hash=?5 WHERE id=?1"},
      {&Queue::seal_, "UPDATE queue SET body=?2 WHERE id=?1"},
      {&Queue::next_, select + "WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1"},
      {&Queue::next_data_, select + "WHERE id BETWEEN ? AND ? AND kind<>1 ORDER BY id LIMIT 1"},
      {&Queue::before_, select + "WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1"},
      {&Queue::body_, "SELECT body FROM queue WHERE id=?"},
  };
  for (const auto& [statement, sql] : all) {
    Result<sqlite::Statement> made = database.prepare(sql.c_str());
    if (!made) return std::unexpected(made.error());
    queue.*statement = std::move(*made);
  }
  return queue;
}

Status Queue::put(const Entry& e, Bytes body) {
  put_.bind(1, key(e.lane, e.range.first));
  put_.bind(2, static_cast<std::int64_t>(e.kind));
  put_.bind(3, static_cast<std::int64_t>(e.range.count()));
  put_.bind(4, e.time_first);
  put_.bind(5, e.time_last);
  put_.bind(6, static_cast<std::int64_t>(e.boot));
  put_.bind(7, e.age);
  if (e.kind == Kind::chunk)
    put_.bind_null(8);
  else
    put_.bind(8, bytes_of(e.hash));
  if (e.kind == Kind::tombstone) {
    put_.bind(9, bytes_of(e.previous));
    put_.bind(10, static_cast<std::int64_t>(e.loss));
  } else {
    put_.bind_null(9);
    put_.bind_null(10);
  }
  if (body.empty())
    put_.bind_null(11);
  else
    put_.bind(11, body);
  return put_.run();
}

Status Queue::erase(const Entry& e) {
  erase_.bind(1, key(e.lane, e.range.first));
  return erase_.run();
}

Status Queue::widen(const Entry& e) {
  widen_.bind(1, key(e.lane, e.range.first));
  widen_.bind(2, static_cast<std::int64_t>(e.range.count()));
  widen_.bind(3, e.time_first);
  widen_.bind(4, e.time_last);
  widen_.bind(5, bytes_of(e.hash));
  return widen_.run();
}

Status Queue::seal(const Entry& e, Bytes body) {
  seal_.bind(1, key(e.lane, e.range.first));
  seal_.bind(2, body);
  return seal_.run();
}

Result<std::optional<Entry>> Queue::one(sqlite::Statement& statement, std::int64_t from,
                                        std::int64_t to) {
  const sqlite::Reading reading(statement);
  statement.bind(1, from);
  statement.bind(2, to);
  const Result<bool> row = statement.step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::nullopt;
  if (!sound(statement)) return fail(Code::corrupt, "the queue holds a row that nobody wrote");
  return entry_of(statement);
}

Result<std::optional<Entry>> Queue::at_or_after(LaneId lane, std::uint64_t seq, bool data) {
  return one(data ? next_data_ : next_, key(lane, seq), key(lane, kSeqMask));
}

Result<std::optional<Entry>> Queue::last_before(LaneId lane, std::uint64_t seq) {
  if (seq == 0) return std::nullopt;
  return one(before_, key(lane, 0), key(lane, seq - 1));
}

Result<std::optional<Entry>> Queue::after(const Entry& e) {
  return one(next_, key(e.lane, e.range.first) + 1, std::numeric_limits<std::int64_t>::max());
}

Status Queue::body(const Entry& e, Buffer& to) {
  const sqlite::Reading reading(body_);
  body_.bind(1, key(e.lane, e.range.first));
  const Result<bool> row = body_.step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return fail(Code::corrupt, "a row of the queue is gone");
  const Bytes bytes = body_.blob(0);
  to.assign(bytes.begin(), bytes.end());
  return {};
}

}  // namespace pinaflux
