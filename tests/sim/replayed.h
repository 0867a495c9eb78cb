// What a collector's archive lands in another database.
//
// Threads    One.
#pragma once

#include <string>

#include "agent/collector/verify.h"
#include "platform/base/result.h"
#include "platform/files.h"

namespace pinaflux::tests {

// Lands every file of `directory` in the new database `database`. Errors: corrupt, where one is not whole; the store's.
Result<VerifyReport> replay_archive(Files& files, const std::string& directory,
                                    const std::string& database);

// What differs between what had landed and what the archive brought; empty: nothing.
std::string difference(const VerifyReport& landed, const VerifyReport& replayed);

}  // namespace pinaflux::tests
