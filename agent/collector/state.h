// Ledger: what the collector knows of every (gateway, epoch, lane): how far it has come without a hole,
// what is settled above, and the hash chain from the gateway's floor upward.
//
// Promise    Everything here changes in the transaction that lands the data, or not at all.
// Order      lane() -> judge() -> land() or declare() -> advance(); then ack() tells the gateway.
// Limits     kLanesMax lanes, kSeqMax seqs a lane, kRejectsMax reports of what was refused.
// Ownership  The Database must outlive it. Nothing is kept in memory: a rollback needs no undoing here.
// Threads    Storage worker.
// Tests      tests/agent/collector/state_test.cc. Tables: README.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collector/settled.h"
#include "agent/collector/supply.h"
#include "agent/collector/tables.h"
#include "agent/data/identity.h"
#include "agent/seal/messages.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"
#include "platform/base/time.h"

namespace pinaflux {

struct LaneEntry {
  std::int64_t id = 0;
  LaneKey key;
  std::uint64_t high = 0;         // End of the contiguous prefix that has landed or is declared.
  std::uint64_t floor = 1;        // Lowest seq that the gateway may still send.
  std::uint64_t last = 0;         // The highest seq known to be committed by the gateway.
  std::optional<Digest> chain;    // At `high`; unknown where it ends in what never came here.
  std::uint64_t redelivered = 0;  // Envelopes that came again.
  std::uint64_t forks = 0;        // Envelopes that contradict what has landed.
  std::optional<WallTime>
      gap_since;         // Records behind `high` are here already, and some between are not.
  bool doubted = false;  // Its gateway said last that it had committed less than has landed.
};

// A link of a lane's hash chain: an envelope, by its header.
struct Link {
  Range range;
  Digest previous{};
  Digest hash{};
};

// A tombstone: the range is gone, and the chain goes on with `through`.
struct Declaration {
  Range range;
  std::string reason;
  Digest through{};   // None: what follows is declared with it.
  Digest previous{};  // None: what precedes it is.
};

// fork: its chain contradicts what is known. unproven: some of its range is settled, and nothing says that it is with
// these records: another hash is known there, or none any more; the rows can tell.
enum class Verdict : std::uint8_t { fresh, duplicate, unproven, fork };

struct Reject {
  WallTime time;
  std::string gateway, lane;  // Of the topic.
  const char* reason = "";
  std::uint64_t byte_count = 0;
  Digest hash{};  // Of the payload.
  Range range;    // Where the header could be read.
};

class Ledger {
 public:
  static constexpr std::uint64_t kSeqMax = Tables::kSeqMax;
  static constexpr std::int64_t kLanesMax = std::int64_t{1} << 22;
  static constexpr std::int64_t kRejectsMax = 10'000;

  // `supply` may be none, and must outlive it.
  static Result<Ledger> prepare(sqlite::Database& database, Supply* supply = nullptr);

  // The time of what follows.
  void at(WallTime now) { now_ = now; }
  // Made when it is new; Code::full beyond kLanesMax.
  Result<LaneEntry> lane(const LaneKey& key);
  Result<std::optional<LaneEntry>> find(const LaneKey& key);
  // What the gateway says of itself: below `floor` nothing will come any more. Where this database has
  // not seen the lane before, that was somebody else's; otherwise it is a hole, and reported as one. Of a lane
  // that has forked, two gateways speak: one's floor says nothing of what the other owes.
  Status mark(LaneEntry& lane, std::uint64_t floor, std::uint64_t last);
  Result<Verdict> judge(const LaneEntry& lane, const Link& link);
  // Only what was judged fresh.
  Status land(LaneEntry& lane, const Link& link);
  // The same for a thinned envelope, whose link's `hash` is what the chain goes on with. Of its range something may
  // have landed before it was thinned: only what is open lands now.
  Result<Verdict> judge_stand_in(const LaneEntry& lane, const Link& link);
  Result<std::vector<Range>> open_ranges(const LaneEntry& lane, const Range& range);
  Status land_stand_in(LaneEntry& lane, const Link& link, std::uint64_t every);
  // A loss is never a duplicate: it may be declared again.
  Result<Verdict> judge_loss(const LaneEntry& lane, const Link& link);
  Status declare(LaneEntry& lane, const Declaration& declaration);
  // Of what was refused the gateway was told to send everything but this in another epoch.
  Status renumber(const LaneEntry& lane, const Comparison& refused);
  // Whether its gateway has forgotten what it committed: an image was put back; or its hello is an old one.
  Status doubt(LaneEntry& lane, bool doubted);
  // In order, as settled.
  Result<std::vector<Stretch>> stretches(const LaneEntry& lane, const Range& range);
  // Moves `high`, forgets hashes below the floor, writes the entry.
  Status advance(LaneEntry& lane);
  Result<AckMessage> ack(const LaneEntry& lane);

  // How many lanes have a gap, and since when the oldest has.
  Result<Gaps> gaps();
  Status seen(const std::string& gateway, const std::string& state, WallTime now);
  Status reject(const Reject& reject);
  // A payload of that hash could not be taken, whatever else had come.
  Result<bool> was_refused(const Digest& payload);

 private:
  Ledger(Settled settled, Supply* supply) : settled_(std::move(settled)), supply_(supply) {}
  Status make(const LaneKey& key);
  Status note_gap(LaneEntry& lane);
  Result<std::optional<Digest>> chain_at(const LaneEntry& lane, std::uint64_t seq);
  // Without what precedes it.
  Result<std::optional<Link>> link_at(const LaneEntry& lane, std::uint64_t last);
  Result<bool> chained(const LaneEntry& lane, const Link& link);
  Result<bool> leads_on(const LaneEntry& lane, const Link& link);
  Result<Verdict> judge_landed(const LaneEntry& lane, const Link& link);
  Result<bool> ends_proved(const LaneEntry& lane, const Link& link);
  Status remember(const LaneEntry& lane, const Link& link);

  Settled settled_;
  Supply* supply_;
  WallTime now_;
  sqlite::Statement doubt_, trust_, open_gap_, close_gap_, gaps_;
  sqlite::Statement find_, make_, save_, link_, successor_, remember_, prune_;
  sqlite::Statement seen_, reject_, trim_, refused_;
};

}  // namespace pinaflux
