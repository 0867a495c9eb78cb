// Lock: the directory of a spool belongs to one process at a time.
//
// Promise    While a Lock lives no other Lock of this directory does, in this process or another. The
//            kernel lets go of it when the process ends, however it ends.
// Errors     busy (somebody has it), read_only, denied, full, io.
// Threads    One owner.
// Tests      tests/agent/spool/open_test.cc
#pragma once

#include <string>

#include "platform/base/result.h"

namespace pinaflux {

class Lock {
 public:
  // Makes the directory (mode 0700) with its parents if it is missing. On busy, `holder` is the process
  // that has it, 0 if it did not say.
  static Result<Lock> take(const std::string& directory, long& holder);
  ~Lock();
  Lock(Lock&& other) noexcept;
  Lock& operator=(Lock&&) = delete;

 private:
  explicit Lock(int file) : file_(file) {}
  int file_;
};

}  // namespace pinaflux
