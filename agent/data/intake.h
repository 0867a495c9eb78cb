// Intake: what the sources bring in one turn: raw records, and for each parcel of them a ticket that
// is handed back to the source when the parcel is on disk.
//
// Parcel     One unit that a source acknowledges: an MQTT message, an HTTP request, some lines of a
//            file. Its records are contiguous; a parcel is committed whole or not at all.
// Order      begin(source) -> add* / reject* / cursor* -> end(ticket), or abandon() which takes the
//            parcel back. Tickets of one source rise.
// Limits     The budget of this turn, at most limits::kIntakeBytesMax: room() and the arena follow it.
//            A parcel that does not fit waits for a later turn; one that does not fit into an intake
//            that is pristine() never will, and is rejected as too_large.
// Threads    Loop. reset() wipes: raw values do not outlive the turn.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/data/limits.h"
#include "agent/data/record.h"
#include "agent/data/refused.h"
#include "platform/base/arena.h"

namespace pinaflux {

using SourceIndex = std::uint16_t;  // Position in the configuration.
using Ticket = std::uint64_t;       // Rises per source, from 1.

// Why a record, or bytes that never became one, was refused. Names are part of the metrics' contract.
enum class Reason : std::uint8_t {
  malformed,  // Not JSON, not line protocol, ...
  too_large,  // Beyond limits.h or the source's limit.
  too_many_fields,
  too_deep,
  duplicate_field,
  bad_time,
  bad_type,
  shapes_exhausted,
  unknown_field,  // A mask rule says: reject what is not listed.
  mask_failed,    // A mask rule could not be applied: fail closed.
  node_failed,    // A pipeline node refused it.
  no_lane,        // No lane takes it.
};
const char* reason_name(Reason reason);

// A durable fact that a source keeps in the commit: its position, its unacknowledged packet ids.
struct CursorEdit {
  SourceIndex source = 0;
  std::string key;
  Buffer value;
  bool erase = false;
};

// Bytes or a record refused. Never holds a value: `bytes` are counted, and hashed with a key.
struct Refusal {
  SourceIndex source = 0;
  Reason reason = Reason::malformed;
  std::uint64_t byte_count = 0;
  std::uint64_t keyed_hash = 0;
  std::uint32_t position = 0;  // Byte offset of the fault, where known.
  std::uint64_t count = 1;     // Of records refused alike; byte_count is their sum.
  std::string_view peer = {};  // That sent it, if the source knows; in the group's arena.
};

struct Parcel {
  SourceIndex source = 0;
  Ticket ticket = 0;
  std::string_view peer = {};                        // That sent it, if the source knows.
  std::size_t records_begin = 0, records_end = 0;    // In Intake::records.
  std::size_t refusals_begin = 0, refusals_end = 0;  // In Intake::refusals.
  std::size_t cursors_begin = 0, cursors_end = 0;    // In Intake::cursors.
};

class Intake {
 public:
  explicit Intake(Shapes& shapes);

  Shapes& shapes() { return shapes_; }
  Arena& arena() { return arena_; }
  // A parcel of `bytes` would fit, together with `records` records.
  bool room(std::size_t bytes, std::size_t records) const;
  // Nothing in it but the open parcel, and the whole budget was given.
  bool pristine() const { return parcels.empty() && bytes_budget_ == limits::kIntakeBytesMax; }

  void begin(SourceIndex source, std::string_view peer = {});
  void add(const RawRecord& record) { records.push_back(record); }
  void reject(Reason reason, std::uint64_t byte_count, std::uint64_t keyed_hash,
              std::uint32_t position);
  // Keeps what the last refusal refused, as long as limits::kGroupRefusedBytesMax allow it.
  void keep(const RefusedBytes& bytes);
  // Takes back the refusals from this one on.
  void forget_refusals(std::size_t from);
  void cursor(std::string_view key, Bytes value);
  void erase_cursor(std::string_view key);
  void end(Ticket ticket);
  void abandon();

  // Forgets and wipes everything. `bytes_budget` bounds the arena until the next reset().
  void reset(std::size_t bytes_budget = limits::kIntakeBytesMax);

  std::vector<RawRecord> records;
  std::vector<Refusal> refusals;
  std::vector<KeptBytes> kept_bytes;  // In the order of their refusals.
  std::vector<CursorEdit> cursors;
  std::vector<Parcel> parcels;

 private:
  Shapes& shapes_;
  Arena arena_;
  std::size_t bytes_budget_ = limits::kIntakeBytesMax;
  Parcel open_;
  bool is_open_ = false;
  std::size_t kept_size_ = 0;  // Of kept_bytes, packed.
};

}  // namespace pinaflux
