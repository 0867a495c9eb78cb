// `pinaflux-collector verify` and `gateways`: what a database says of itself, to a person or a machine.
//
// Threads    The caller's.
// Tests      tests/e2e/run, tests/collector/reach
#pragma once

#include <string>

#include "platform/base/time.h"

namespace pinaflux {

struct VerifyOptions {
  bool by_day = false, json = false;
  bool moved_ok = false;  // What lies in files that are away is not asked for.
};

// Exit status: 0 complete; 1 something is missing, or there twice, or in files that are away; else by the database's error.
int verify_command(const std::string& database, const VerifyOptions& options);
// Likewise; 1 also where something has been missing for longer than `limit`.
int gateways_command(const std::string& database, Duration limit, bool json);

}  // namespace pinaflux
