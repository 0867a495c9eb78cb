// Raw operations: the raw lane (data/raw_lane.h) read for a replay.
//
// Replay     The first step of BeginReplay writes down the job; the agent does it, and may be stopped meanwhile; the second step says
//            what came of it.
// Errors     not_found: no source keeps its records. busy: a replay is going on. unsupported: no agent runs.
// Threads    As Operation.
// Tests      tests/agent/agent/raw_replay_test.cc ("pinaflux.queue.replay/1" is golden)
#pragma once

#include <cstdint>
#include <optional>

#include "agent/data/identity.h"
#include "agent/data/replay_job.h"
#include "agent/spool/operation.h"

namespace pinaflux {

class BeginReplay : public Operation {
 public:
  enum class Form { text, json };
  // Nothing: all.
  BeginReplay(std::optional<std::int64_t> since_ns, Form form) : since_ns_(since_ns), form_(form) {}

  bool changes() const override { return true; }
  std::int64_t bytes_written(const Access& access) const override;
  Result<bool> step(const Access& access, Buffer& out) override;
  const ReplayJob* replay_job() const override { return begun_ && !reported_ ? &job_ : nullptr; }

 private:
  Status begin(const Access& access);

  std::optional<std::int64_t> since_ns_;
  Form form_;
  ReplayJob job_;
  bool begun_ = false, reported_ = false;
};

// What the raw lane has from a seq on, one chunk or envelope a step.
class ReadRaw : public Operation {
 public:
  explicit ReadRaw(const ReplayJob& job) : job_(job) {}

  // Into `out` the bytes of range(); none: up to there is nothing to be read.
  Result<bool> step(const Access& access, Buffer& out) override;
  bool is_chunk() const { return chunk_; }
  Range range() const { return range_; }
  std::int64_t age_s() const { return age_s_; }  // That the spool had when the bytes were written.
  // Records up to there that are lost, or do not open.
  std::uint64_t gone() const { return gone_; }

 private:
  const ReplayJob job_;
  Range range_;
  std::int64_t age_s_ = 0;
  std::uint64_t gone_ = 0;
  bool chunk_ = false;
};

}  // namespace pinaflux
