// Operation: what an operator does to a spool (count it, look into it, export it), in bounded steps, so that
// a running agent makes them between two commits and nobody waits longer than for a commit.
//
// Promise    A step that writes is one transaction: it happens whole, or nothing of it does.
// Limits     A step reads about kStepBytes of bodies, or kStepEntries rows, or one envelope.
// Ownership  What Access names lives for the step only: between two steps commits go on, rows come and go.
// Threads    Storage worker, or the one thread of a command that has the spool's lock.
// Tests      tests/agent/spool/inspect_test.cc and its neighbours.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "agent/data/replay.h"
#include "agent/spool/lane.h"
#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux {

class Packer;
struct ReplayJob;
struct SpoolOptions;
struct Store;

struct Access {
  Store& store;
  const SpoolOptions& options;
  Packer* packer = nullptr;  // Null: the file was opened to be looked at only.
  std::int64_t age = 0;      // Seconds that the spool has lived.
};

class Operation {
 public:
  static constexpr std::size_t kStepBytes = 256 * 1024;
  static constexpr std::size_t kStepEntries = 1024;

  struct Progress {
    std::uint64_t done = 0, total = 0;  // Of what is counted; total 0: not known.
  };

  virtual ~Operation() = default;
  // True: some step will write: a view of the file is not enough.
  virtual bool changes() const { return false; }
  // What the next step may write; 0: it only reads.
  virtual std::int64_t bytes_written(const Access& access) const {
    (void)access;
    return 0;
  }
  // Appends to `out` what the operator is to get. True: there is more to do.
  virtual Result<bool> step(const Access& access, Buffer& out) = 0;
  virtual Progress progress() const { return {}; }
  // What the last step read for the agent to put through mask and pipeline, and to commit, before the next
  // step. Where no agent runs, the next step says so.
  virtual std::span<Replay> replays() { return {}; }
  // The replay of the raw lane that the last step began, for the agent to do before the next step.
  virtual const ReplayJob* replay_job() const { return nullptr; }
  // The file could not be opened at all. True: that is a result, too, and stands in `out`.
  virtual bool refused(const Error& error, Buffer& out) {
    (void)error;
    (void)out;
    return false;
  }
  // When it has ended: it found damage.
  virtual bool damaged() const { return false; }
};

}  // namespace pinaflux
