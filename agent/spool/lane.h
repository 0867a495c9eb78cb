// Lane: what the spool knows of one lane while it runs: who it is, and how far it has come.
//
// Identity   (gateway, name, epoch): another gateway name or another epoch is another lane, which keeps
//            what it has queued until that is acknowledged.
// Order      acked < (envelopes and tombstones) <= sealed_last < (chunks) < next_seq, without holes.
// Threads    Values; storage worker.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "agent/data/identity.h"
#include "agent/data/record.h"
#include "agent/spool/leased.h"
#include "agent/spool/spool.h"

namespace pinaflux {

using LaneId = std::int64_t;  // Of the row in `lanes`; never reused.

// What a transaction changes; put back as it was when the transaction fails.
struct Progress {
  // Stored in `lanes`.
  std::uint64_t next_seq = 1;
  std::uint64_t acked = 0;
  std::uint64_t shed = 0;
  Digest chain{};  // Hash of the last envelope, sent or not: the next one's `previous`.
  // Follows from `queue`.
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t sealed_last = 0;
  std::uint64_t pending_chunks = 0;  // Above sealed_last.
  std::uint64_t pending_bytes = 0;
  Stamp oldest;
  std::int64_t oldest_age = 0;
  // How far thinning has come, see thin.h. The furthest of any row is known after a start.
  std::uint64_t thin_every = 2;
  std::uint64_t thin_next = 0;  // 0: no pass has begun since the start.
  // Since start.
  Leased leased;
  double backlog_credit = 0.0;  // Places that the backlog may still claim.
  bool changed = false;         // `lanes` must be written.
  bool front_moved = false;     // `oldest` must be looked up.
};

struct Lane {
  LaneId id = 0;
  std::string gateway;
  std::string name;
  Epoch epoch{};
  LaneOptions::WhenFull when_full = LaneOptions::WhenFull::hold;
  Duration keep = Duration::max();
  std::uint64_t bytes_max = std::numeric_limits<std::uint64_t>::max();
  LaneOptions::Order order = LaneOptions::Order::oldest;
  double backlog_share = 0.0;
  std::uint32_t round = 0;  // Of the last wish.
  Progress at;
  // Learned, to decide early; never relied on.
  double bytes_per_record = 0.0;  // Of what was sealed lately; 0: not known yet.
  double merge_gain = 1.0;        // Bytes of chunks per byte of the envelope made of them.
};

}  // namespace pinaflux
