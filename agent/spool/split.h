// Split: finds the record that the far end cannot take: its envelope is put in two, and these again, until it is
// alone; then it is given up, so that the lane does not wait behind it for ever.
//
// Promise    Seqs and records stay as they are; the chain goes on behind the parts as it did before. What is given up
//            is declared (Loss::undeliverable) and kept as a dead letter, in the transaction that is open.
// Limits     One envelope is opened at a time.
// Errors     Storage only. What does not open is declared whole.
// Threads    Storage worker.
// Tests      tests/agent/spool/split_test.cc. Format: FORMAT.md.
#pragma once

#include <cstdint>

#include "agent/data/group.h"
#include "agent/spool/letters.h"
#include "agent/spool/store.h"

namespace pinaflux::splits {

// `ack.refused` is given. False: no row is the one that it names.
Result<bool> take(Store& store, Lane& lane, const LaneAck& ack, GivenUp& given_up);
// What the refusals of a group may write, at most.
std::int64_t bytes_for(const Group& group);

}  // namespace pinaflux::splits
