// What the collector's tables hold, row by row, told to the ledger.
//
// Threads    One.
#pragma once

#include <string>

#include "platform/files.h"
#include "tests/sim/ledger.h"
#include "tests/sim/witness.h"

namespace pinaflux::tests {

Status read_landed(Files& files, const std::string& database, Ledger& ledger, Witness& witness);

}  // namespace pinaflux::tests
