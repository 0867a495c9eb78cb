// Meter: counts what SQLite asks of its files: bytes written, and syncs. For measuring; not in the agent's way.
//
// Use        Open a database with vfs = meter.vfs(): SQLite's own files, counted on the way through.
// Ownership  Must outlive every database that was opened through it.
// Threads    The thread of those databases. One Meter at a time in a process: its name is SQLite's.
// Source     https://www.sqlite.org/c3ref/io_methods.html
// Tests      tests/agent/spool/sqlite_meter_test.cc
#pragma once

#include <cstdint>
#include <memory>

namespace pinaflux::sqlite {

struct FileCounts {
  std::uint64_t bytes_written = 0;  // Handed to the kernel: WAL, database, zeros written ahead.
  std::uint64_t syncs = 0;          // fsync or fdatasync.
};

class Meter {
 public:
  Meter();
  ~Meter();
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  const char* vfs() const;
  FileCounts counts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pinaflux::sqlite
