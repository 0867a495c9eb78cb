// Repair: makes good what an audit found, row by row: what cannot be sent is declared lost, reason `damaged`, so
// that what stands behind it can be.
//
// Promise    A lane is repaired in one transaction, or not at all. What is sound stays as it is, but for chunks
//            among damaged ones: each becomes an envelope of its own.
// Limits     What SQLite itself cannot read, overlapping rows and rows of no lane are not for this: see
//            repairable().
// Threads    The one thread of a command that has the spool's lock.
// Tests      tests/agent/spool/repair_test.cc
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/seal/envelope.h"
#include "agent/spool/audit.h"
#include "agent/spool/row_opener.h"
#include "agent/spool/store.h"

namespace pinaflux {

// What was declared lost.
struct RepairedLoss {
  std::string gateway, lane;
  Range range;
};

// "pinaflux.queue.repair/1", one line; intact: nothing is wrong any more.
std::string repair_json(bool intact, const std::vector<RepairedLoss>& losses);

// All that was found can be made good here.
bool repairable(const AuditReport& report);

class Repair {
 public:
  // Within a transaction of the store's database.
  explicit Repair(Store& store) : store_(store) {}

  Status lane(const Lane& lane);
  const std::vector<RepairedLoss>& losses() const { return losses_; }

 private:
  struct Gap {
    Range range;
    Entry like;  // Its times and age.
  };
  Status take(Entry entry);
  Status mend(Entry& entry);
  Status take_envelope(const Entry& entry);
  Status take_tombstone(const Entry& entry);
  Status take_chunk(const Entry& entry);
  void lose(const Range& range, const Entry& like);
  Status close_gap(const Digest& through);
  Status seal_chunk(const Entry& entry);
  Result<bool> chunks_are_sound(const Entry& first);

  Store& store_;
  Lane lane_;
  Digest chain_{};
  bool chain_known_ = false;
  std::optional<bool> chunks_sound_;
  std::optional<Gap> gap_;
  std::uint64_t next_ = 1;
  RowOpener opener_;
  Sealer sealer_;
  Buffer body_;
  std::vector<RepairedLoss> losses_;
};

}  // namespace pinaflux
