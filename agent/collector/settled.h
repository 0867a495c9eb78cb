// Settled: what became of every seq of every lane, as few ranges: landed, thinned (some landed, the others
// declared lost), declared lost, or known to be gone.
//
// Promise    The ranges of a lane never overlap. What has landed stays landed: a declaration of loss
//            fills only what has not, and what lands after it was declared lost is lost no more.
// Ownership  The Database must outlive it. Nothing is kept in memory: a rollback needs no undoing here.
// Threads    Storage worker.
// Tests      tests/agent/collector/settled_test.cc
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/data/identity.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"

namespace pinaflux {

// Stored as these numbers. A higher rank replaces a lower one, see rank().
enum class Fate : std::uint8_t {
  landed = 0,
  lost = 1,        // The gateway said so, with a reason.
  earlier = 2,     // Acknowledged to the gateway before this database first saw the lane.
  undeclared = 3,  // The gateway deleted it, and it is not here: what must never be.
  thinned = 4,     // The seqs that `every` divides have landed, the others were declared lost.
  renumbered = 5,  // Refused, because two gateways count here: it comes in another epoch.
};

struct Stretch {
  Range range;
  Fate fate = Fate::landed;
  std::string reason;  // Of what was lost. Thinned: `every` in digits.
};

// Of it, something has landed.
inline bool holds_landed(const Stretch& stretch) {
  return stretch.fate == Fate::landed || stretch.fate == Fate::thinned;
}

// The chain leads through it: its ends were held against what stands beside it.
inline bool is_linked(Fate fate) {
  return fate == Fate::landed || fate == Fate::thinned || fate == Fate::lost;
}

class Settled {
 public:
  static Result<Settled> prepare(sqlite::Database& database);

  Status settle(std::int64_t lane, const Stretch& stretch);
  // In order; those that share a seq with `range`.
  Result<std::vector<Stretch>> overlapping(std::int64_t lane, const Range& range);
  // The last seq of the settled prefix, when everything up to `high` is known to be settled.
  Result<std::uint64_t> prefix_end(std::int64_t lane, std::uint64_t high);
  // What is not settled between `high` and the last that is: the lowest `count_max` ranges of it.
  Result<std::vector<Range>> gaps(std::int64_t lane, std::uint64_t high, std::size_t count_max);
  // Where the run of what is linked begins that ends at or below `high`; beyond `high` if nothing there is.
  Result<std::uint64_t> linked_from(std::int64_t lane, std::uint64_t high);
  // What is settled and linked above `high`: the highest `count_max` ranges of it, rising.
  Result<std::vector<Range>> above(std::int64_t lane, std::uint64_t high, std::size_t count_max);
  Result<bool> any(std::int64_t lane);
  Result<bool> any_above(std::int64_t lane, std::uint64_t high);

 private:
  Settled() = default;
  Status put(std::int64_t lane, const Stretch& stretch);
  Status erase(std::int64_t lane, std::uint64_t first);
  Status join(std::int64_t lane, Stretch stretch);
  Status replace(std::int64_t lane, const Stretch& old, const Range& by);

  sqlite::Statement overlapping_, put_, erase_, holding_, above_, down_, break_, any_, any_above_;
};

}  // namespace pinaflux
