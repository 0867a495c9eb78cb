// The lock of a database: it belongs to one collector at a time.
//
// Errors     busy (another collector has it), read_only, denied, full, not_found (no such folder), io.
// Threads    One owner.
// Tests      tests/agent/collector/store_test.cc
#pragma once

#include <memory>
#include <string>

#include "platform/base/result.h"
#include "platform/files.h"

namespace pinaflux {

// On the file "<database>-lock", which stays.
Result<std::unique_ptr<FileLock>> lock_database(Files& files, const std::string& database);

}  // namespace pinaflux
