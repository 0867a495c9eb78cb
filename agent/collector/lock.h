// DatabaseLock: a database belongs to one collector at a time.
//
// Promise    While one lives there is no other for the same file, in this process or another. The kernel
//            lets go of it when the process ends, however it ends.
// Errors     busy (another collector has it), read_only, denied, full, not_found (no such folder), io.
// Threads    One owner.
// Tests      tests/agent/collector/store_test.cc
#pragma once

#include <string>

#include "platform/base/result.h"

namespace pinaflux {

class DatabaseLock {
 public:
  // An flock() on "<database>-lock", which stays.
  static Result<DatabaseLock> take(const std::string& database);
  ~DatabaseLock();
  DatabaseLock(DatabaseLock&& other) noexcept;
  DatabaseLock& operator=(DatabaseLock&&) = delete;

 private:
  explicit DatabaseLock(int file) : file_(file) {}
  int file_;
};

}  // namespace pinaflux
