// A tombstone takes the place of what was lost. Neighbours lost for the same reason share one as long as
// it has not been sent: a spool that is full for a month writes one row a lane, not one an envelope.
//
//   before   [1-10] [11-20] [21-30]              chain  a  b  c
//   after    [11-20] and [21-30] are evicted:
//            [1-10] {lost 11-30, previous a, through c}      the next envelope's previous is still c
//
// The envelopes behind it were sealed long ago and name the lost one as their predecessor, so the chain
// can only go on through the tombstone: `previous` is the chain before the range, `through` the chain
// after it. The tombstone's own hash is not part of the chain.

#include "agent/spool/tombstone.h"

#include <algorithm>
#include <string>

namespace pinaflux::tombstone {

namespace {

// The header of an envelope; of one that does not open, none of its hashes.
Result<Header> header_of(Queue& queue, const Entry& entry) {
  Buffer bytes;
  if (Status s = queue.body_or_nothing(entry, bytes); !s) return std::unexpected(s.error());
  return Opener::header(bytes).value_or(Header());
}

// Stored beside an encrypted envelope; of one in plain text it stands in the header.
Result<Digest> previous_of(Queue& queue, const Entry& entry) {
  if (entry.kind == Kind::tombstone) return entry.previous;
  if (!entry.damaged && (is_stand_in(entry) || entry.key != 0)) return entry.previous;
  const Result<Header> header = header_of(queue, entry);
  return header ? Result<Digest>(header->previous) : std::unexpected(header.error());
}

// Not with one that the uplink is thought to have: it would be leased again with it, or never.
bool joins(const Lane& lane, const Entry& tombstone, const Entry& lost, Loss reason) {
  return tombstone.kind == Kind::tombstone && tombstone.bytes == 0 && !tombstone.damaged &&
         tombstone.loss == reason && tombstone.range.last + 1 == lost.range.first &&
         lane.at.leased.contains(tombstone.range.first) ==
             lane.at.leased.contains(lost.range.first);
}

Status widen(Queue& queue, Entry tombstone, const Entry& lost, const Digest& through) {
  tombstone.range.last = lost.range.last;
  tombstone.hash = through;
  cover_times(tombstone, lost);
  return queue.widen(tombstone);
}

void account(Lane& lane, const Entry& lost) {
  Progress& at = lane.at;
  at.records -= lost.records();
  at.bytes -= lost.bytes;
  at.shed += lost.records();
  if (lost.kind == Kind::chunk) {
    --at.pending_chunks;
    at.pending_bytes -= lost.bytes;
  }
  at.sealed_last = std::max(at.sealed_last, lost.range.last);
  at.changed = true;
  at.front_moved = true;
}

}  // namespace

Result<Digest> hash_of(Queue& queue, const Entry& entry) {
  if (entry.kind == Kind::tombstone || !entry.damaged) return entry.hash;
  const Result<Header> header = header_of(queue, entry);
  return header ? Result<Digest>(chain_end(*header)) : std::unexpected(header.error());
}

// Nothing has been chained in a chunk. What a damaged envelope cannot say, its neighbours know.
Result<Digest> chain_before(Queue& queue, const Lane& lane, const Entry& lost,
                            const std::optional<Entry>& before) {
  if (lost.kind == Kind::chunk) return lane.at.chain;
  const Result<Digest> previous = previous_of(queue, lost);
  const bool unknown = previous && *previous == kNoDigest && before.has_value();
  return unknown ? hash_of(queue, *before) : previous;
}

Result<Digest> chain_after(Queue& queue, const Lane& lane, const Entry& lost) {
  if (lost.kind == Kind::chunk) return lane.at.chain;
  if (!lost.damaged) return lost.hash;
  const auto next = queue.after(lost);
  if (!next) return std::unexpected(next.error());
  const bool chained = *next && (*next)->lane == lost.lane && (*next)->kind != Kind::chunk;
  return chained ? previous_of(queue, **next) : lane.at.chain;
}

void cover_times(Entry& tombstone, const Entry& lost) {
  if (tombstone.boot != lost.boot) return;
  tombstone.time_first = std::min(tombstone.time_first, lost.time_first);
  tombstone.time_last = std::max(tombstone.time_last, lost.time_last);
}

Result<Entry> mend(Queue& queue, const Lane& lane, Entry tombstone) {
  const auto before = queue.last_before(lane.id, tombstone.range.first);
  if (!before) return std::unexpected(before.error());
  const auto previous = chain_before(queue, lane, tombstone, *before);
  const auto through = chain_after(queue, lane, tombstone);
  if (!previous || !through) return std::unexpected((previous ? through : previous).error());
  tombstone.previous = *previous;
  tombstone.hash = *through;
  return tombstone;
}

Status entomb(Queue& queue, Lane& lane, const Entry& lost, Loss reason) {
  ASSERT(lost.kind != Kind::tombstone);
  const Result<Digest> through = chain_after(queue, lane, lost);
  if (!through) return std::unexpected(through.error());
  const auto before = queue.last_before(lane.id, lost.range.first);
  if (!before) return std::unexpected(before.error());
  const bool joined = *before && joins(lane, **before, lost, reason);
  Entry grave = lost;
  if (!joined) {
    const Result<Digest> previous = chain_before(queue, lane, lost, *before);
    if (!previous) return std::unexpected(previous.error());
    grave.kind = Kind::tombstone;
    grave.previous = *previous;
    grave.hash = *through;
    grave.loss = reason;
  }
  if (Status s = queue.erase(lost); !s) return s;
  if (Status s = joined ? widen(queue, **before, lost, *through) : queue.put(grave, {}); !s) {
    return s;
  }
  account(lane, lost);
  return {};
}

Status seal(Queue& queue, const Lane& lane, const Entry& grave, std::uint64_t generation,
            Sealer& sealer, Buffer& bytes) {
  const Result<Entry> mended = grave.damaged ? mend(queue, lane, grave) : grave;
  if (!mended) return std::unexpected(mended.error());
  const Entry& tombstone = *mended;
  Header header;
  header.gateway = lane.gateway;
  header.lane = lane.name;
  header.epoch = lane.epoch;
  header.range.first = tombstone.range.first;
  header.floor = lane.at.acked + 1;
  header.generation = generation;
  header.previous = tombstone.previous;
  const Range& lost = tombstone.range;
  header.extra.emplace_back("lost", std::to_string(lost.first) + "-" + std::to_string(lost.last) +
                                        ":" + loss_name(tombstone.loss));
  header.extra.emplace_back("through", hex(tombstone.hash));
  if (tombstone.boot == 0) {
    header.extra.emplace_back(
        "span", std::to_string(tombstone.time_first) + "," + std::to_string(tombstone.time_last));
  }
  std::size_t taken = 0;
  if (Status s = sealer.seal({}, Effort::fast, limits::kEnvelopeBytesMax, header, bytes, taken);
      !s) {
    return s;
  }
  return queue.seal(tombstone, bytes);
}

}  // namespace pinaflux::tombstone
