// Room: how many bytes the spool may take, and how many it has taken.
//
// Promise    Database file and WAL together stay within Options::bytes_max: the database by SQLite's own
//            page limit, the WAL by a checkpoint after the commit that made it grow to its bound.
// Limits     kBytesMin: a group fits into an empty spool of that size, whatever is in it.
// Threads    Storage worker.
// Tests      tests/agent/spool/full_test.cc
#pragma once

#include <cstdint>
#include <optional>

#include "agent/data/limits.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"

namespace pinaflux {

class Room {
 public:
  static constexpr std::int64_t kPageBytes = 1024;
  static constexpr std::int64_t kBytesMin = 4 * static_cast<std::int64_t>(limits::kGroupBytesMax);

  // `bytes_taken` of bytes_max are somebody else's (a damaged file set aside).
  static Result<Room> prepare(sqlite::Database& database, std::uint64_t bytes_max,
                              std::uint64_t bytes_taken);

  // Before a transaction: asks the disk for space for `bytes` more. What it refuses, fits() knows; an error
  // is a disk that fails.
  Status reserve(std::int64_t bytes);
  // Another `bytes` would fit; acks, cursors and tombstones always do.
  Result<bool> fits(std::int64_t bytes);
  // After each commit. An error here is not the commit's: it is tried again.
  Status checkpoint_if_due();
  // The WAL has passed its bound and could not be emptied: nothing more may be written.
  bool wal_overdue() const;
  Status checkpoint();

  // Sets and clears the mark that lanes which hold must be held back. `evictable` may still go.
  Status judge(std::int64_t evictable);
  bool full() const { return full_; }

  std::int64_t bytes_used() const { return used_ + database_->wal_bytes(); }
  std::int64_t records_bytes_max() const { return limit_; }

 private:
  explicit Room(sqlite::Database& database) : database_(&database) {}
  Status measure();
  Status reserve_wal(std::int64_t bytes);

  sqlite::Database* database_;
  sqlite::Statement page_count_, free_count_;
  std::int64_t limit_ = 0;       // Bytes of pages in use that records may bring it to.
  std::int64_t disk_limit_ = 0;  // The same, as the disk allows now.
  std::int64_t margin_ = 0;      // Kept free for groups that are on their way when full() is set.
  std::int64_t wal_due_ = 0, wal_max_ = 0;
  std::int64_t pages_ = 0;  // Of the file.
  std::int64_t used_ = 0;   // Bytes of pages in use.
  bool full_ = false;
};

}  // namespace pinaflux
