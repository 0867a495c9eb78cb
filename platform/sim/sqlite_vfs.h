// SqliteVfs: SQLite's view of a SimDisk, registered under a name of its own as long as it lives.
//
// Promise    What SQLite's own VFS for Linux does to a file system, in the same order: a journal or WAL that
//            was made is followed by a sync of its directory after its first sync; sectors of 4,096 bytes.
// Limits     Memory mapping is not offered. Time and randomness come from the disk's clock and seed.
// Ownership  The disk must outlive it, it must outlive every database that it opened.
// Threads    One owner at a time: that of the disk.
// Source     https://sqlite.org/c3ref/vfs.html, os_unix.c of SQLite 3.46
// Tests      tests/platform/sim/sqlite_vfs_test.cc
#pragma once

#include <memory>
#include <string>

#include "platform/sim/disk.h"

struct sqlite3_vfs;

namespace pinaflux::sim {

class SqliteVfs {
 public:
  explicit SqliteVfs(SimDisk& disk);
  ~SqliteVfs();
  SqliteVfs(const SqliteVfs&) = delete;
  SqliteVfs& operator=(const SqliteVfs&) = delete;

  const char* name() const { return name_.c_str(); }
  SimDisk& disk() { return disk_; }
  int last_errno() const { return last_errno_; }
  int failed(const Error& error, int otherwise);  // As an SQLite code.

 private:
  SimDisk& disk_;
  std::string name_;
  std::unique_ptr<sqlite3_vfs> vfs_;
  int last_errno_ = 0;
};

}  // namespace pinaflux::sim
