// Tombstones: how the loss of records is written down, and told to the far end as an envelope.
//
// Promise    What entomb() deletes is covered by a tombstone in the same transaction, with the same seqs.
// Order      A tombstone stands where the lost records stood, and is leased in that order.
// Threads    Storage worker.
// Tests      tests/agent/spool/full_test.cc. Format: FORMAT.md.
#pragma once

#include <optional>

#include "agent/seal/envelope.h"
#include "agent/spool/lane.h"
#include "agent/spool/queue.h"

namespace pinaflux::tombstone {

// Deletes an envelope or a chunk (always the lane's oldest of those it may take) and declares it lost.
Status entomb(Queue& queue, Lane& lane, const Entry& lost, Loss reason);
// Puts the declaration into an empty envelope, from now on immutable: appended to `bytes`.
Status seal(Queue& queue, const Lane& lane, const Entry& tombstone, std::uint64_t generation,
            Sealer& sealer, Buffer& bytes);
// The chain before and behind a row. What a damaged one cannot say, its neighbours know; `before` is the row
// before it.
Result<Digest> chain_before(Queue& queue, const Lane& lane, const Entry& entry,
                            const std::optional<Entry>& before);
Result<Digest> chain_after(Queue& queue, const Lane& lane, const Entry& entry);
Result<Digest> hash_of(Queue& queue, const Entry& entry);
// The span of `tombstone` covers that of `lost`, too.
void cover_times(Entry& tombstone, const Entry& lost);
// An encrypted tombstone whose hashes do not open, with those that its neighbours know.
Result<Entry> mend(Queue& queue, const Lane& lane, Entry tombstone);

}  // namespace pinaflux::tombstone
