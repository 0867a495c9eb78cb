// One table for envelopes, tombstones and chunks, because they are one sequence: the order of sending,
// of deleting and of eviction is the order of the key, and whatever covers a seq is found by one seek.
//
// The key is lane << 48 | first seq, an INTEGER PRIMARY KEY: no second index is written. The body is the
// last column, so that all others lie in the leaf page even when the body fills a hundred overflow pages
// (a leaf of 1,024 bytes keeps at least 103 of a row): scanning the queue does not read the bodies.
//
// Which key a row is encrypted with stands in `kind` (kind + 256 * key), because a column of its own could
// only be added behind the body. Hash and previous hash are sealed together, apart from the body: who
// evicts or acknowledges does not decrypt bodies, and the chain outlives a damaged one.

#include "agent/spool/queue.h"

#include <algorithm>
#include <array>
#include <bit>
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

void bind_or_null(sqlite::Statement& to, int place, Bytes bytes) {
  if (bytes.empty())
    to.bind_null(place);
  else
    to.bind(place, bytes);
}

constexpr const char* kSelect =
    "SELECT id,kind,count,time_first,time_last,boot,age,hash,previous,loss,length(body) FROM "
    "queue ";

Entry entry_of(const sqlite::Statement& row) {
  Entry e;
  const auto id = static_cast<std::uint64_t>(row.integer(0));
  e.lane = static_cast<LaneId>(id >> kSeqBits);
  e.kind = static_cast<Kind>(row.integer(1) & Queue::kKindMask);
  e.key = row.integer(1) >> Queue::kKeyShift;
  e.range.first = id & kSeqMask;
  e.range.last = e.range.first + static_cast<std::uint64_t>(row.integer(2)) - 1;
  e.time_first = row.integer(3);
  e.time_last = row.integer(4);
  e.boot = static_cast<std::uint64_t>(row.integer(5));
  e.age = row.integer(6);
  if (e.key == 0) {
    e.hash = digest_of(row.blob(7));
    e.previous = digest_of(row.blob(8));
  }
  take_reason(e, row.integer(9));
  const std::int64_t added = e.key == 0 ? 0 : static_cast<std::int64_t>(Encryption::kOverhead);
  e.bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(row.integer(10) - added, 0));
  return e;
}

constexpr std::int64_t kSplit = 1;

bool is_thinning(std::uint64_t every) {
  return every > 1 && every <= kEveryMax && std::has_single_bit(every);
}

bool sound(const sqlite::Statement& row) {
  const std::int64_t kind = row.integer(1) & Queue::kKindMask, count = row.integer(2),
                     loss = row.integer(9);
  return row.integer(0) >= 0 && row.integer(1) >= 0 && kind <= 2 && count >= 1 &&
         count < static_cast<std::int64_t>(Queue::kSeqEnd) &&
         is_reason(static_cast<Kind>(kind), loss);
}

Result<Buffer> bound_to(Encryption& encryption, const Entry& e, Encryption::Purpose purpose) {
  auto bound = encryption.associated(purpose, e.lane);
  if (!bound) return bound;
  Writer writer(*bound);
  writer.u64(e.range.first);
  writer.u64(e.range.count());
  writer.u8(static_cast<std::uint8_t>(e.kind));
  return bound;
}

}  // namespace

Status open_digests(Encryption& encryption, Entry& e, Bytes stored) {
  const auto bound = bound_to(encryption, e, Encryption::Purpose::digests);
  if (!bound) return std::unexpected(bound.error());
  Buffer digests;
  e.damaged =
      stored.size() != kSealedDigestsBytes || !encryption.open(e.key, *bound, stored, digests);
  if (e.damaged) return {};
  e.hash = digest_of(Bytes(digests).first(e.hash.size()));
  e.previous = digest_of(Bytes(digests).last(e.previous.size()));
  return {};
}

Status open_body(Encryption& encryption, const Entry& e, Bytes stored, Buffer& to) {
  const auto bound = bound_to(encryption, e, Encryption::Purpose::body);
  if (!bound) return std::unexpected(bound.error());
  return encryption.open(e.key, *bound, stored, to);
}

void take_times(Entry& entry, const Header& header) {
  entry.time_first = header.time_first.ns;
  entry.boot = header.time_first.boot;
  entry.time_last =
      header.time_last.boot == entry.boot ? header.time_last.ns : header.time_first.ns;
}

bool is_reason(Kind kind, std::int64_t stored) {
  switch (kind) {
    case Kind::envelope:
      return stored == 0 || stored == kSplit || is_thinning(static_cast<std::uint64_t>(stored));
    case Kind::tombstone: return stored >= 0 && stored <= static_cast<std::int64_t>(kLossLast);
    case Kind::chunk: return stored == 0;
  }
  return false;
}

void take_reason(Entry& entry, std::int64_t stored) {
  if (entry.kind == Kind::tombstone) entry.loss = static_cast<Loss>(stored);
  if (entry.kind != Kind::envelope || stored == 0) return;
  entry.every = static_cast<std::uint64_t>(stored);
  entry.split = stored == kSplit;
}

const char* loss_name(Loss loss) {
  switch (loss) {
    case Loss::none: return "none";
    case Loss::evicted: return "evicted";
    case Loss::expired: return "expired";
    case Loss::damaged: return "damaged";
    case Loss::too_large: return "too_large";
    case Loss::purged: return "purged";
    case Loss::landed: return "landed";
    case Loss::thinned: return "thinned";
    case Loss::undeliverable: return "undeliverable";
  }
  return "?";
}

Queue::Queue(const sqlite::Database& database, Encryption* encryption) : encryption_(encryption) {
  const std::string select = kSelect;
  const struct {
    sqlite::Statement Queue::* statement;
    std::string sql;
  } all[] = {
      {&Queue::put_, "INSERT INTO queue VALUES(?,?,?,?,?,?,?,?,?,?,?)"},
      {&Queue::erase_, "DELETE FROM queue WHERE id=?"},
      {&Queue::widen_,
       "UPDATE queue SET kind=?2,hash=?3,previous=?4,count=?5,time_first=?6,time_last=?7 "
       "WHERE id=?1"},
      {&Queue::seal_, "UPDATE queue SET kind=?2,hash=?3,previous=?4,body=?5 WHERE id=?1"},
      {&Queue::next_, select + "WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1"},
      {&Queue::next_data_,
       select + "WHERE id BETWEEN ? AND ? AND (kind&255)<>1 ORDER BY id LIMIT 1"},
      {&Queue::before_, select + "WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1"},
      {&Queue::body_, "SELECT body FROM queue WHERE id=?"},
  };
  for (const auto& [statement, sql] : all) this->*statement = database.prepare_later(sql);
}

Result<Queue::Columns> Queue::columns(const Entry& e, Bytes body) {
  Columns to{.kind = static_cast<std::int64_t>(e.kind), .hash = {}, .previous = {}, .body = body};
  if (e.kind != Kind::chunk) to.hash = bytes_of(e.hash);
  if (is_stand_in(e)) to.previous = bytes_of(e.previous);
  if (encryption_ == nullptr || !encryption_->on()) return to;
  const auto key = encryption_->key_to_write();
  if (!key) return std::unexpected(key.error());
  to.kind |= *key << Queue::kKeyShift;
  if (e.kind != Kind::chunk) {
    const auto bound = bound_to(*encryption_, e, Encryption::Purpose::digests);
    if (!bound) return std::unexpected(bound.error());
    std::array<std::uint8_t, 2 * sizeof(Digest)> digests;
    std::ranges::copy(e.hash, digests.begin());
    std::ranges::copy(e.previous, digests.begin() + sizeof(Digest));
    encryption_->seal(*bound, digests, sealed_digests_);
    to.hash = sealed_digests_;
    to.previous = {};
  }
  if (body.empty()) return to;
  const auto bound = bound_to(*encryption_, e, Encryption::Purpose::body);
  if (!bound) return std::unexpected(bound.error());
  encryption_->seal(*bound, body, sealed_body_);
  to.body = sealed_body_;
  return to;
}

Status Queue::put(const Entry& e, Bytes body) {
  const auto columns = this->columns(e, body);
  if (!columns) return std::unexpected(columns.error());
  put_.bind(1, key(e.lane, e.range.first));
  put_.bind(2, columns->kind);
  put_.bind(3, static_cast<std::int64_t>(e.range.count()));
  put_.bind(4, e.time_first);
  put_.bind(5, e.time_last);
  put_.bind(6, static_cast<std::int64_t>(e.boot));
  put_.bind(7, e.age);
  bind_or_null(put_, 8, columns->hash);
  bind_or_null(put_, 9, columns->previous);
  if (e.kind == Kind::tombstone) {
    put_.bind(10, static_cast<std::int64_t>(e.loss));
  } else if (e.every > 1 || e.split) {
    put_.bind(10, static_cast<std::int64_t>(e.every));
  } else {
    put_.bind_null(10);
  }
  bind_or_null(put_, 11, columns->body);
  return put_.run();
}

Status Queue::erase(const Entry& e) {
  erase_.bind(1, key(e.lane, e.range.first));
  return erase_.run();
}

Status Queue::widen(const Entry& e) {
  const auto columns = this->columns(e, {});
  if (!columns) return std::unexpected(columns.error());
  widen_.bind(1, key(e.lane, e.range.first));
  widen_.bind(2, columns->kind);
  widen_.bind(3, columns->hash);
  bind_or_null(widen_, 4, columns->previous);
  widen_.bind(5, static_cast<std::int64_t>(e.range.count()));
  widen_.bind(6, e.time_first);
  widen_.bind(7, e.time_last);
  return widen_.run();
}

Status Queue::seal(const Entry& e, Bytes body) {
  const auto columns = this->columns(e, body);
  if (!columns) return std::unexpected(columns.error());
  seal_.bind(1, key(e.lane, e.range.first));
  seal_.bind(2, columns->kind);
  seal_.bind(3, columns->hash);
  bind_or_null(seal_, 4, columns->previous);
  seal_.bind(5, columns->body);
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
  Entry entry = entry_of(statement);
  if (entry.key == 0 || entry.kind == Kind::chunk) return entry;
  if (encryption_ == nullptr) return fail(Code::invalid, "the spool is encrypted");
  const Status opened = open_digests(*encryption_, entry, statement.blob(7));
  return opened ? Result<std::optional<Entry>>(entry) : std::unexpected(opened.error());
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
  if (bytes.empty()) {
    return e.kind == Kind::tombstone ? Status() : fail(Code::invalid, "a row has no body");
  }
  if (e.key == 0) return {};
  if (encryption_ == nullptr) return fail(Code::invalid, "the spool is encrypted");
  return open_body(*encryption_, e, bytes, to);
}

Status Queue::body_or_nothing(const Entry& e, Buffer& to) {
  const Status read = body(e, to);
  if (read || read.error().code != Code::invalid) return read;
  to.clear();
  return {};
}

}  // namespace pinaflux
