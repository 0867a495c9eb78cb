// `pinaflux-collector verify` and `gateways`: what a database says of itself, to a person or a machine.
//
// Threads    The caller's.
// Tests      tests/e2e/run, tests/collector/reach
#pragma once

#include <string>

#include "platform/base/time.h"

namespace pinaflux {

// Exit status: 0 complete; 1 something is missing, or there twice; else by the database's error.
int verify_command(const std::string& database, bool by_day, bool json);
// Likewise; 1 also where something has been missing for longer than `limit`.
int gateways_command(const std::string& database, Duration limit, bool json);

}  // namespace pinaflux
