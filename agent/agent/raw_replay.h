// RawReplay: the raw lane's records once more through mask and pipeline, beside what comes in.
//
// Promise    A pipeline of its own, from an empty state: what comes in is not touched by it. Its state, how far it has come and its
//            results are in one group: a crash repeats no result and loses none, and the next start goes on. Results have
//            Pipeline::kCorrection. What nodes still hold at the end (an open window) is not given: it is the other pipeline's to give.
// Order      As the records came, of all sources. Silence is what lay between the commits that kept them, or less.
// Limits     kEachTurn records a turn; one envelope of the lane in memory.
// Processes  Its nodes ask processes of their own, which `ask` starts; one that does not answer holds the replay up.
// Ownership  All that is handed in must outlive it. `read` runs an operation on the storage worker.
// Threads    Loop.
// Tests      tests/agent/agent/raw_replay_test.cc
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/agent/companions.h"
#include "agent/agent/gatherer.h"
#include "agent/data/raw_lane.h"
#include "agent/data/replay_job.h"
#include "agent/mask/masker.h"
#include "agent/pipeline/pipeline.h"
#include "agent/seal/envelope.h"
#include "agent/spool/raw_operations.h"
#include "platform/base/arena.h"

namespace pinaflux {

class RawReplay {
 public:
  using Done = std::function<void(Status)>;
  using Read = std::function<void(Operation&, Buffer& out, std::function<void(Result<bool>)> done)>;
  using Ask = std::function<std::unique_ptr<Companions>(const Pipeline&)>;
  static constexpr std::size_t kEachTurn = 512;

  RawReplay(Masker& masker, const PipelineOptions& pipeline, Shapes& shapes, Read read,
            Ask ask = {});
  ~RawReplay();

  // A replay that was going on goes on. Errors: Pipeline::make().
  Status restore(const std::vector<StateEdit>& states);
  // `done` when its last result is on disk; or, with an error, when the agent stops before.
  void begin(const ReplayJob& job, Done done);
  // Puts into the group what has room there.
  Gatherer::Outcome enter(Group& group);
  // The group is to be committed, though it may have no record: it is full, or the replay has come to its end.
  bool due() const { return full_ || (job_ && job_->done && !ending_); }
  // Before a group is committed, as Pipeline::save().
  void save(Group& group);
  void committed();
  // Nothing enters any more; the next start goes on. So it is when the lane cannot be read.
  void stop();

 private:
  struct Entry;
  Status start(const ReplayJob& job);
  bool reads_on();
  bool asks() const;
  void open(Result<bool> read);
  bool take(const Row& row, Group& group);
  void process(SourceIndex source, const Record& record, bool room, Group& group);
  bool drain(Group& group);
  Moment moment() const;
  void conclude(const Status& status);

  Masker& masker_;
  const PipelineOptions& options_;
  Shapes& shapes_;
  RawShapes origins_;
  const Read read_;
  const Ask ask_;
  std::optional<ReplayJob> job_;  // That is going on.
  std::vector<Done> done_;
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<Companions> companions_;  // Of pipeline_.
  std::unique_ptr<Entry> entry_;            // What is read of the lane.
  std::unique_ptr<ReadRaw> reading_;        // On the worker.
  Buffer bytes_;
  bool changed_ = false;  // Since the last save().
  bool full_ = false;     // The group that is filled has no room for the next record.
  bool ending_ = false;   // The end is in a group that is not committed.
  bool stopped_ = false;
};

}  // namespace pinaflux
