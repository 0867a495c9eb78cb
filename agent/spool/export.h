// Export: everything that waits, as an export file (export_file.h), lane by lane, in order.
//
// Promise    Records that no envelope holds yet are sealed first, as a commit would, so that what is on the
//            stick and what the link brings later are the same bytes. Nothing leaves the queue: only the
//            collector's ack deletes.
// Order      What was committed before the first step is in it; what comes later may not be.
// Limits     A lane's chunks, or about kStepBytes of envelopes, a step.
// Threads    As Operation.
// Tests      tests/agent/spool/export_test.cc
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/spool/export_file.h"
#include "agent/spool/operation.h"
#include "agent/spool/queue.h"

namespace pinaflux {

class Export : public Operation {
 public:
  // The title's gateway is filled in. Of the lanes of its name; of all that are sent, if it is empty.
  explicit Export(ExportTitle title) : title_(std::move(title)) {}

  bool changes() const override { return true; }
  std::int64_t bytes_written(const Access& access) const override;
  Result<bool> step(const Access& access, Buffer& out) override;
  Progress progress() const override { return {done_, total_}; }

 private:
  struct Target {
    LaneId id = 0;
    std::uint64_t next = 1, last = 0;  // Seqs still to be given.
  };
  Status begin(const Access& access, Buffer& out);
  Status seal_lane(const Access& access, Target& target);
  Result<bool> give(const Access& access, Target& target, Buffer& out);
  Status give_entry(const Access& access, const Entry& entry, Buffer& out);
  void give_dictionary(const Access& access, LaneId lane, Bytes envelope, Buffer& out);

  ExportTitle title_;
  ExportWriter writer_;
  std::vector<Target> targets_;
  std::size_t sealed_ = 0, given_ = 0;                     // Targets that are done.
  std::set<std::pair<LaneId, std::string>> dictionaries_;  // That are given.
  bool begun_ = false;
  bool tombstone_due_ = false;  // The next entry must be sealed.
  std::uint64_t done_ = 0, total_ = 0;
};

}  // namespace pinaflux
