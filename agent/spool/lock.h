// The lock of a spool's directory: it belongs to one process at a time.
//
// Errors     busy (somebody has it), read_only, denied, full, invalid, io.
// Threads    One owner.
// Tests      tests/agent/spool/open_test.cc
#pragma once

#include <memory>
#include <string>

#include "platform/base/result.h"
#include "platform/files.h"

namespace pinaflux {

// Makes the directory (mode 0700) with its parents if it is missing. On busy, `holder` is the process
// that has it, 0 if it did not say.
Result<std::unique_ptr<FileLock>> lock_directory(Files& files, const std::string& directory,
                                                 long& holder);

}  // namespace pinaflux
