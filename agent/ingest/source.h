// Source: where readings come from. It is told when its parcels are on disk, and only then answers.
//
// Promise    poll() never blocks, and moves parcels only while the intake has room. committed()
// comes
//            after the fsync; whatever the protocol calls an acknowledgement is sent there.
// Order      restore() once with the cursors of the last commit, start(), then poll() and
// committed()
//            in turns. Parcels of one source are committed in the order of their tickets.
// Failure    A source that fails backs off alone (full jitter), says why in health(), and recovers
//            without help. It never stops the agent, and never slows another source.
// Threads    Loop.
// Tests      tests/agent/ingest/. Adding a source: agent/ingest/README.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/data/group.h"
#include "agent/data/intake.h"
#include "platform/base/result.h"

namespace pinaflux {

struct Cursor {
  std::string key;
  Buffer value;
};

struct SourceHealth {
  enum class State { starting, working, waiting, failed };
  State state = State::starting;
  std::string text;  // For an operator: what is wrong and what to do next. No values.
  std::uint64_t parcels = 0;
  std::uint64_t records = 0;  // Handed to the intake.
  std::uint64_t records_committed = 0;
  std::uint64_t duplicates = 0;  // Redelivered, recognised, acknowledged, not stored again.
  std::uint64_t refused = 0;
  std::uint64_t missed = 0;  // Readings that are known to have been lost before they got here.
};

// Why a source is to take nothing more.
enum class Hold : std::uint8_t {
  none,
  full,      // The spool is full, until the far end takes some of it.
  process,   // A process that the pipeline asks does not answer, until it does.
  stopping,  // The stations stop, perhaps to start again: what is in memory is being committed.
};

class Source {
 public:
  virtual ~Source() = default;
  virtual void restore(std::vector<Cursor> cursors) = 0;
  // Begins to listen, connect or follow. An error is a wrong configuration (a port in use, ...);
  // what may heal by itself is not an error but a state of health().
  virtual Status start() = 0;
  virtual void poll(Intake& intake) = 0;
  // poll() would bring something.
  virtual bool ready() const = 0;
  // It waits for its commit and can bring nothing before (a window is full, a client waits).
  virtual bool stalled() const = 0;
  virtual void committed(const Receipt& receipt) = 0;
  // Take nothing more, and say why in the protocol's words; then (Hold::none) again.
  virtual void hold(Hold why) = 0;
  virtual SourceHealth health() const = 0;
};

}  // namespace pinaflux
