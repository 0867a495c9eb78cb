// What the collector's tables hold, row by row, told to the ledger.
//
// Threads    One.
#pragma once

#include <string>

#include "platform/base/result.h"
#include "platform/files.h"
#include "tests/sim/ledger.h"
#include "tests/sim/witness.h"

namespace pinaflux::tests {

struct LandedCounts {
  std::uint64_t anchors = 0;     // Rows of the agent's own stream.
  std::uint64_t judged = 0;      // Times that were held against the truth.
  std::uint64_t resolved = 0;    // Times by an anchor, of which
  std::uint64_t bounded = 0;     // this many know how well.
  std::uint64_t since_boot = 0;  // Rows of boots that nothing is known of.
  std::uint64_t quarantined = 0;
};

// `judge_times`: the gateway's clock was never set wrong after it was right, so that times must be true.
Result<LandedCounts> read_landed(Files& files, const std::string& database, bool judge_times,
                                 Ledger& ledger, Witness& witness);

}  // namespace pinaflux::tests
