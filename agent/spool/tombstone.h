// Tombstones: how the loss of records is written down, and told to the far end as an envelope.
//
// Promise    What entomb() deletes is covered by a tombstone in the same transaction, with the same seqs.
// Order      A tombstone stands where the lost records stood, and is leased in that order.
// Threads    Storage worker.
// Tests      tests/agent/spool/full_test.cc. Format: FORMAT.md.
#pragma once

#include "agent/seal/envelope.h"
#include "agent/spool/lane.h"
#include "agent/spool/queue.h"

namespace pinaflux::tombstone {

// Deletes an envelope or a chunk (always the lane's oldest of those it may take) and declares it lost.
Status entomb(Queue& queue, Lane& lane, const Entry& lost, Loss reason);
// Puts the declaration into an empty envelope, from now on immutable: appended to `bytes`.
Status seal(Queue& queue, const Lane& lane, const Entry& tombstone, std::uint64_t generation,
            Sealer& sealer, Buffer& bytes);
// An encrypted tombstone whose hashes do not open, with those that its neighbours know.
Result<Entry> mend(Queue& queue, const Lane& lane, Entry tombstone);

}  // namespace pinaflux::tombstone
