// bytes_max is shared out once, at the start:
//
//   | pages for records ............ | margin | reserve | WAL until due | one transaction |
//   0                       full() -^        ^- limit   ^- page limit                   bytes_max
//
// A file does not shrink, so its free pages count as free. Above `full() ->` the sources are held back
// while the groups that are already on their way still fit into the margin. The reserve belongs to acks,
// cursors and tombstones, which must work when nothing else does. The WAL is written with zeros up to
// where a checkpoint is due, so that on a file system that others have filled an ack can still be
// committed: it frees pages, and needs none.

#include "agent/spool/room.h"

#include <algorithm>
#include <tuple>

namespace pinaflux {

namespace {

constexpr std::int64_t kKiB = 1024;
constexpr std::int64_t kMiB = 1024 * kKiB;
constexpr std::int64_t kWalFrameBytes = Room::kPageBytes + 24;
constexpr std::int64_t kTransactionBytesMax =
    static_cast<std::int64_t>(limits::kGroupBytesMax) + kMiB;

// What is left for the database once the WAL and a transaction have their share.
static_assert(Room::kBytesMin - 2 * kTransactionBytesMax > kTransactionBytesMax);

Result<std::int64_t> number(sqlite::Statement& statement) {
  const sqlite::Reading reading(statement);
  const Result<bool> row = statement.step();
  if (!row) return std::unexpected(row.error());
  return statement.integer(0);
}

}  // namespace

Result<Room> Room::prepare(sqlite::Database& database, std::uint64_t bytes_max,
                           std::uint64_t bytes_taken) {
  Room room(database);
  const auto whole = static_cast<std::int64_t>(bytes_max);
  const std::int64_t ours =
      std::max({whole - static_cast<std::int64_t>(bytes_taken), whole / 2, kBytesMin});
  room.wal_due_ = std::clamp(ours / 64, 256 * kKiB, kMiB);
  room.wal_max_ = room.wal_due_ + kTransactionBytesMax;
  const std::int64_t file_max = (ours - room.wal_max_) / kPageBytes * kPageBytes;
  const std::int64_t reserve = std::max(file_max / 50, 64 * kPageBytes);
  room.limit_ = room.disk_limit_ = file_max - reserve;
  room.margin_ =
      std::max(room.limit_ / 10,
               std::min(room.limit_ / 4, static_cast<std::int64_t>(limits::kGroupBytesMax)));
  if (auto set = database.page_limit(file_max / kPageBytes); !set) {
    return std::unexpected(set.error());
  }
  for (auto [statement, sql] : {std::pair{&room.page_count_, "PRAGMA page_count"},
                                std::pair{&room.free_count_, "PRAGMA freelist_count"}}) {
    Result<sqlite::Statement> made = database.prepare(sql);
    if (!made) return std::unexpected(made.error());
    *statement = std::move(*made);
  }
  if (Status s = room.measure(); !s) return std::unexpected(s.error());
  // Without the space the spool still works, as long as the disk has room.
  std::ignore = database.extend_wal(room.wal_due_ + room.wal_due_ / 4);
  return room;
}

Status Room::measure() {
  const Result<std::int64_t> pages = number(page_count_);
  if (!pages) return std::unexpected(pages.error());
  const Result<std::int64_t> unused = number(free_count_);
  if (!unused) return std::unexpected(unused.error());
  pages_ = *pages;
  used_ = (*pages - *unused) * kPageBytes;
  return {};
}

Status Room::reserve(std::int64_t bytes) {
  disk_limit_ = limit_;
  const Status wal = reserve_wal(bytes);
  if (!wal && wal.error().code != Code::full) return wal;
  if (!wal) disk_limit_ = 0;
  const std::int64_t wanted = used_ + bytes;
  if (!wal || wanted <= pages_ * kPageBytes || wanted > limit_) return {};
  const Status file = database_->reserve(wanted);
  if (!file && file.error().code != Code::full) return file;
  if (!file) disk_limit_ = std::min(limit_, database_->file_bytes() - 64 * kPageBytes);
  return {};
}

// The WAL before the file: without room for a transaction, pages that acks have freed are of no use.
Status Room::reserve_wal(std::int64_t bytes) {
  const std::int64_t needed = (bytes / kPageBytes + 1) * kWalFrameBytes;
  const auto fits = [&] {
    return database_->wal_frames() * kWalFrameBytes + needed <= database_->wal_bytes();
  };
  if (fits()) return {};
  if (Status s = checkpoint(); !s) return s;
  return fits() ? Status() : database_->extend_wal(needed + kWalFrameBytes);
}

Result<bool> Room::fits(std::int64_t bytes) {
  if (Status s = measure(); !s) return std::unexpected(s.error());
  return used_ + bytes <= disk_limit_;
}

Status Room::checkpoint_if_due() {
  if (database_->wal_frames() * kWalFrameBytes < wal_due_) return {};
  return checkpoint();
}

bool Room::wal_overdue() const { return database_->wal_frames() * kWalFrameBytes >= wal_due_ * 2; }

Status Room::checkpoint() {
  const bool too_long = database_->wal_bytes() > wal_max_;
  if (Status s = database_->checkpoint(too_long); !s) return s;
  if (too_long) std::ignore = database_->extend_wal(wal_due_ + wal_due_ / 4);
  return {};
}

Status Room::judge(std::int64_t evictable) {
  if (Status s = measure(); !s) return s;
  const std::int64_t held = used_ - evictable;
  const std::int64_t high = std::min(limit_, disk_limit_) - margin_;
  if (held >= high) full_ = true;
  if (held < high - limit_ / 10) full_ = false;
  return {};
}

}  // namespace pinaflux
