// Losses: what an envelope's header declares lost: `lost=FIRST-LAST:REASON`, several with commas.
//
// Limits     kLossesMax declarations; a reason is 1 to 64 letters, digits, '-' and '_'.
// Threads    Pure functions; any.
// Tests      tests/agent/collector/losses_test.cc. Format: agent/spool/FORMAT.md.
#pragma once

#include <vector>

#include "agent/collector/state.h"
#include "agent/seal/envelope.h"
#include "platform/base/result.h"

namespace pinaflux {

inline constexpr std::size_t kLossesMax = 1'024;

// Empty without declarations. Errors: invalid.
Result<std::vector<Declaration>> losses(const Header& header);

}  // namespace pinaflux
