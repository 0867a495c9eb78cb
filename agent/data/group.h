// Group: what one transaction commits: masked records by lane, cursors, refusals, receipts, acks.
//
// Promise    Everything in a Group becomes durable together, or nothing of it does. Raw bytes that it holds are
//            overwritten by reset().
// Limits     limits::kGroupRecordsMax records, kGroupBytesMax of arena and kGroupComputedMax beside it; kKeptEach refused records are kept.
// Ownership  Owns its arenas: records and their text live until reset(). Two groups take turns: one is
//            filled on the loop while the other is committed on the storage worker.
// Threads    One owner at a time: handed over whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/data/identity.h"
#include "agent/data/intake.h"
#include "agent/data/limits.h"
#include "agent/data/record.h"
#include "platform/base/arena.h"

namespace pinaflux {

// What a source is told once its parcels are on disk: all tickets up to this one.
struct Receipt {
  SourceIndex source = 0;
  Ticket ticket = 0;
  std::uint64_t records = 0;  // Accepted records of that source in this group.
};

// The far end has everything of the lane in `range`; from 1 on: up to and including range.last.
struct LaneAck {
  LaneIndex lane = 0;
  Epoch epoch{};
  Range range;
  // Not known to the uplink from what it sent: the spool believes it if that is the hash of the envelope
  // that ends there.
  std::optional<Digest> unproved = {};
  // The far end has only these seqs of the envelope that ends there; under the others it has another gateway's
  // records, or nobody's: they are to be sent in another epoch. Then `unproved` is given.
  std::optional<std::vector<Range>> known = {};
  // The far end cannot take the envelope of just that range and hash (`unproved`), for this reason: it is to be
  // split, and a record alone to be given up.
  std::optional<std::string> refused = {};
};

// A piece of a station's durable state (a deadband's last value, ...), replaced whole by its key.
struct StateEdit {
  std::string key;  // "pipeline/<node>/..."
  Buffer value;     // Empty: erased.
};

// A record that was refused after it was masked. Only a Record can be kept: what was refused before masking
// has no value here.
struct KeptRecord {
  // In `node`, before the name of the node (a window) that made the record: the source never had it, or other records came of what
  // it had.
  static constexpr std::string_view kGivenBy = " behind ";

  std::size_t refusal = 0;  // Its place in Group::refusals.
  Record record;            // As the pipeline got it.
  std::string
      node;  // That refused it; empty: none did. Of what a window made: "NODE behind WINDOW".
  std::string why =
      {};  // Its rule, where the node says it, at most kWhyBytesMax; it names no values.
  static constexpr std::size_t kWhyBytesMax = 256;
};

// Of a dead letter in the spool; never given twice.
using LetterId = std::int64_t;

struct Group {
  // Of one source and reason.
  static constexpr std::size_t kKeptEach = 16;

  Group() : arena(limits::kGroupBytesMax), computed(limits::kGroupComputedMax) {}

  Arena arena;
  Arena computed;                                  // Values that the pipeline made of those.
  std::vector<Record> records[limits::kLanesMax];  // In arrival order within a lane.
  std::vector<Receipt> receipts;                   // At most one per source.
  std::vector<CursorEdit> cursors;                 // In order: later edits win.
  std::vector<Refusal> refusals;
  std::vector<KeptRecord> kept;       // In the order of their refusals.
  std::vector<KeptBytes> kept_bytes;  // Likewise; raw, wiped by reset().
  std::vector<LetterId> replayed;  // Dead letters whose records are in this group again: they go.
  std::vector<StateEdit> states;
  std::vector<LaneAck> acks;

  std::size_t record_count() const;
  bool empty() const;
  // True once it should be committed without waiting for its age.
  bool full() const;
  // The record of the refusal at this place; null: there is none.
  const KeptRecord* kept_of(std::size_t refusal) const;
  const KeptBytes* bytes_of(std::size_t refusal) const;
  void receipt(SourceIndex source, Ticket ticket, std::uint64_t record_count);
  void reset();
};

}  // namespace pinaflux
