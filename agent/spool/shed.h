// Shed: what a lane loses by age, by its own bound, or because the spool is full.
//
// Promise    Whatever goes leaves a tombstone in the same transaction, the one that is open.
// Order      Oldest first; a lane that thins is thinned before (thin.h). Lanes stand in the order of their rank: the last one loses first. What is leased
//            may have arrived: it does not expire, and it is the last that is evicted.
// Threads    Storage worker.
// Tests      tests/agent/spool/spool_test.cc
#pragma once

#include <cstdint>
#include <optional>

#include "agent/spool/store.h"
#include "platform/base/result.h"

namespace pinaflux::shed {

// The lane's oldest envelope or chunk that is not leased.
Result<std::optional<Entry>> oldest_unleased(Queue& queue, const Lane& lane);
// `age`: seconds that the spool has lived. At most 64 entries; the next commit goes on.
Status expire(Store& store, Lane& lane, std::int64_t age);
// Until `bytes` more fit. full: no lane has anything left that it may lose.
Status make_room(Store& store, std::int64_t bytes);

}  // namespace pinaflux::shed
