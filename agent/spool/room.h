// Room: how many bytes the spool may take, and how many it has taken.
//
// Promise    Database file and WAL together stay within the bound: the database by SQLite's own page limit,
//            the WAL by a checkpoint after the commit that made it grow to its bound. Their space is
//            reserved at the start, so that a file system that others fill stops neither records within
//            the bound nor deletes; what could not be reserved is not counted on, and is tried again.
// Limits     kBytesMin: a group fits into an empty spool of that size, whatever is in it.
// Ownership  The Database must outlive it. The files that it holds open must be closed after the Database:
//            closing any descriptor of a file drops the locks that SQLite has on it.
// Threads    Storage worker.
// Tests      tests/agent/spool/full_test.cc
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/data/limits.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"
#include "platform/files.h"

namespace pinaflux {

class Room {
 public:
  static constexpr std::int64_t kPageBytes = 1024;
  static constexpr std::int64_t kBytesMin = 4 * static_cast<std::int64_t>(limits::kGroupBytesMax);

  struct Place {
    Files* files = nullptr;
    File* file = nullptr;    // spool.db itself.
    std::string path;        // Of spool.db.
    bool in_memory = false;  // Nothing is reserved there: memory would be taken, not flash.
  };
  // `bytes_taken` of bytes_max are somebody else's (a damaged file set aside).
  static Result<Room> prepare(sqlite::Database& database, Place place, std::uint64_t bytes_max,
                              std::uint64_t bytes_taken);
  // Less is somebody else's now.
  Status grow(std::uint64_t bytes_taken);

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

  // In use: pages of the database, and the WAL as far as it waits for a checkpoint.
  std::int64_t bytes_used() const;
  // Reserved for the spool on the disk, or taken by it: within the bound.
  std::int64_t bytes_on_disk() const { return database_->file_bytes() + database_->wal_bytes(); }
  // Of the bound, what the disk has no space for; 0 where space is not reserved.
  std::int64_t bytes_missing() const;

 private:
  Room(sqlite::Database& database, Place place) : database_(&database), place_(place) {}
  Status measure();
  Status secure();
  Status secure_file(std::int64_t bytes);
  Status secure_wal();
  void share_out();
  Status reserve_wal(std::int64_t bytes);

  sqlite::Database* database_;
  Place place_;
  sqlite::Statement page_count_, free_count_;
  std::int64_t file_max_ = 0;    // Of the database file, by the bound.
  std::int64_t target_ = 0;      // The same, less what is somebody else's.
  std::int64_t reserved_ = 0;    // Of the database file, on the disk for sure.
  bool reserves_ = true;         // False: the file system cannot; the file grows ahead of its use.
  std::int64_t limit_ = 0;       // Bytes of pages in use that records may bring it to.
  std::int64_t disk_limit_ = 0;  // The same, as the disk allows now.
  std::int64_t margin_ = 0;      // Kept free for groups that are on their way when full() is set.
  std::int64_t wal_due_ = 0, wal_max_ = 0;
  std::int64_t pages_ = 0;  // Of the file that are the database's.
  std::int64_t used_ = 0;   // Bytes of pages in use.
  bool full_ = false;
};

}  // namespace pinaflux
