// Sharing: what the SQLite connections to one file have in common: their locks, and the WAL index, which on
// a real system lives in shared memory.
//
// Source     https://sqlite.org/lockingv3.html; SQLITE_SHM_NLOCK is 8.
// Threads    One owner at a time: that of the disk.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace pinaflux::sim {

struct Sharing {
  // Of the file: several may read; one of them may get ready to write, and then write alone.
  int readers = 0;
  const void* reserved = nullptr;  // The connection that has it.
  bool pending = false;            // It waits for the readers to leave: nobody else begins to read.

  // Of the WAL index.
  static constexpr int kIndexLocks = 8;
  struct IndexLock {
    int shared = 0;
    bool exclusive = false;
  };
  std::array<IndexLock, kIndexLocks> index_locks;
  std::vector<std::unique_ptr<std::uint8_t[]>> index_regions;
  int index_users = 0;
};

}  // namespace pinaflux::sim
