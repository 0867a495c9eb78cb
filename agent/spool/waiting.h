// Waiting: which row of a lane is to be sent next, of what was sealed, is not leased and has not landed.
//
// Threads    Storage worker.
// Tests      tests/agent/spool/landed_test.cc, spool_test.cc
#pragma once

#include <optional>

#include "agent/spool/lane.h"
#include "agent/spool/queue.h"

namespace pinaflux::waiting {

Result<std::optional<Entry>> oldest(Queue& queue, const Lane& lane);
// In the lane's order.
Result<std::optional<Entry>> next(Queue& queue, const Lane& lane);

}  // namespace pinaflux::waiting
