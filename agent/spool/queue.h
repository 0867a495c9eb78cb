// Queue: the table of everything that is committed and not acknowledged, in order of lane and seq.
//
// Promise    With encryption, no body and no hash is stored in plain text, and a row opens only where it
//            was put. Callers see plain text.
// Limits     A seq is below 2^48, a lane's id below 2^15: together they are the row's key.
// Ownership  The Database and the Encryption must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/spool/. Columns: FORMAT.md.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/data/identity.h"
#include "agent/data/record.h"
#include "agent/seal/envelope.h"
#include "agent/spool/encryption.h"
#include "agent/spool/lane.h"
#include "agent/spool/sqlite.h"
#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux {

enum class Kind : std::uint8_t { envelope = 0, tombstone = 1, chunk = 2 };

// Why records were lost. Names are part of the envelope's format.
enum class Loss : std::uint8_t {
  none = 0,
  evicted = 1,
  expired = 2,
  damaged = 3,
  too_large = 4,
  purged = 5,   // By an operator.
  landed = 6,   // Not lost: the far end has it, and not yet all that stands before it. Never sent.
  thinned = 7,  // Thinning has kept nothing of it.
  undeliverable = 8  // The far end refuses the record for good; a dead letter holds it.
};
inline constexpr Loss kLossLast = Loss::undeliverable;
const char* loss_name(Loss loss);

struct Entry {
  LaneId lane = 0;
  Kind kind = Kind::envelope;
  Range range;
  std::int64_t time_first = 0, time_last = 0;  // Of the records, by `boot` as in Stamp.
  std::uint64_t boot = 0;
  std::int64_t age = 0;  // Seconds that the spool had lived when it was written.
  Digest hash{};         // The lane's chain after it (chunks: none).
  Digest previous{};     // Its chain before it; in plain text of tombstones and thinned ones only.
  Loss loss = Loss::none;     // Tombstones.
  std::uint64_t every = 1;    // Envelopes: above 1 it was thinned to the seqs that this divides.
  bool split = false;         // Envelopes: the end of one that was split.
  std::uint64_t bytes = 0;    // Of the body in plain text; 0: a tombstone that has not been sealed.
  Encryption::KeyId key = 0;  // That the row is encrypted with; 0: none. put() chooses it.
  bool damaged = false;       // Its hash and previous do not open, and are zeros.

  // That it holds.
  std::uint64_t records() const { return kind == Kind::tombstone ? 0 : range.count_every(every); }
};
inline constexpr std::uint64_t kEveryMax = 4'096;  // Of a thinned envelope: a power of two.

// Stands for what was sealed before: `hash` is not of its own bytes, and `previous` is stored.
inline bool is_stand_in(const Entry& entry) {
  return entry.kind == Kind::tombstone || entry.every > 1 || entry.split;
}
// Column `loss`: the reason of a tombstone, or of an envelope how it was thinned, 1 the end of one that was split
// (0: null).
bool is_reason(Kind kind, std::int64_t stored);
void take_reason(Entry& entry, std::int64_t stored);

// Of the records, as the envelope that was made of them says.
void take_times(Entry& entry, const Header& header);

inline bool has_landed(const Entry& entry) {
  return entry.kind == Kind::tombstone && entry.loss == Loss::landed;
}

// Hash and previous hash of an encrypted row.
inline constexpr std::size_t kSealedDigestsBytes = Encryption::kOverhead + 2 * sizeof(Digest);

// What an encrypted row hides. Hashes that do not open leave the entry `damaged`; a body gives invalid.
Status open_digests(Encryption& encryption, Entry& entry, Bytes stored);
Status open_body(Encryption& encryption, const Entry& entry, Bytes stored, Buffer& to);

class Queue {
 public:
  static constexpr std::uint64_t kSeqEnd = std::uint64_t{1} << 48;
  static constexpr int kKeyShift = 8;  // Column `kind` is key << kKeyShift | kind.
  static constexpr std::int64_t kKindMask = 0xff;
  static constexpr LaneId kLaneIdEnd = LaneId{1} << 15;

  // Without encryption, encrypted rows do not open.
  explicit Queue(const sqlite::Database& database, Encryption* encryption = nullptr);

  Status put(const Entry& entry, Bytes body);
  Status erase(const Entry& entry);
  // A tombstone that has not been sealed takes in what follows it directly.
  Status widen(const Entry& tombstone);
  Status seal(const Entry& tombstone, Bytes body);

  // The first entry of the lane at or after `seq`; with `data` none but envelopes and chunks.
  Result<std::optional<Entry>> at_or_after(LaneId lane, std::uint64_t seq, bool data = false);
  Result<std::optional<Entry>> last_before(LaneId lane, std::uint64_t seq);
  // The entry of all lanes that follows this one.
  Result<std::optional<Entry>> after(const Entry& entry);
  // invalid: it does not open, or is not there.
  Status body(const Entry& entry, Buffer& to);
  // As body(), but what does not open is empty.
  Status body_or_nothing(const Entry& entry, Buffer& to);

 private:
  // What the columns hold; empty: null.
  struct Columns {
    std::int64_t kind = 0;
    Bytes hash, previous, body;
  };

  Result<Columns> columns(const Entry& entry, Bytes body);
  Result<std::optional<Entry>> one(sqlite::Statement& statement, std::int64_t from,
                                   std::int64_t to);

  Encryption* encryption_ = nullptr;
  sqlite::Statement put_, erase_, widen_, seal_, next_, next_data_, before_, body_;
  Buffer sealed_digests_, sealed_body_;  // Scratch.
};

}  // namespace pinaflux
