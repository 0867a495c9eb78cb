// Landed: takes acks: what the far end has leaves the queue, out of order too.
//
// Promise    An unproved ack is believed only if the queue holds an envelope or a tombstone that ends where
//            it does, with its hash. Rows that reach beyond an ack stay.
// Order      What has landed before older rows were acknowledged is stood for by one row (a tombstone with
//            Loss::landed), which goes as soon as the rows before it are gone. The file's version rises
//            with it, in the same transaction: an older agent would send it as a loss.
// Threads    Storage worker.
// Tests      tests/agent/spool/landed_test.cc. Format: FORMAT.md.
#pragma once

#include "agent/data/group.h"
#include "agent/spool/lane.h"
#include "agent/spool/queue.h"
#include "agent/spool/store.h"

namespace pinaflux::landed {

// False: it is for another epoch, beyond what was sealed, or not true.
Result<bool> take(Store& store, Lane& lane, const LaneAck& ack);

// The row is the envelope, or the tombstone, with that hash.
Result<bool> is_named(Queue& queue, const Entry& row, const Digest& hash);

}  // namespace pinaflux::landed
