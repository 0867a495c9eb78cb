// ReplayJob: how far a replay of the raw lane has come: a state of the spool, so that it goes on behind a crash, and the report of
// the last one.
//
// Threads    Values; any.
// Tests      tests/agent/agent/raw_replay_test.cc
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/data/group.h"
#include "platform/base/bytes.h"

namespace pinaflux {

struct ReplayJob {
  static constexpr const char* kKey = "replay/job";

  std::uint64_t number = 1;  // Of the replays of this spool: what its results have as `correction`.
  std::int64_t since_ns = 0;  // Records from this time on;
  bool all = false;           // or all, those without calendar time included.
  std::uint64_t next = 1;     // Seq of the raw lane, up to
  std::uint64_t last = 0;     // this one: what came before the replay began.
  std::int64_t clock_ns = 0;  // The latest time of a record that went through,
  std::int64_t age_s = 0;     // and the spool's age when it was written.
  std::uint64_t records = 0;  // That went through the pipeline,
  std::uint64_t refused = 0;  // that mask or pipeline refused,
  std::uint64_t gone =
      0;  // whose seq is not there any more, or does not open, or whose source is not configured any more.
  std::uint64_t untimed = 0;  // that have no calendar time, and so were left out,
  std::uint64_t results = 0;  // Records of lanes that came of it.
  bool done = false;

  Buffer pack() const;
  // Nothing: it is damaged.
  static std::optional<ReplayJob> open(Bytes packed);
  // Of a spool that has had one.
  static std::optional<ReplayJob> last_of(const std::vector<StateEdit>& states);
};

// "pinaflux.queue.replay/1", one line.
std::string replay_json(const ReplayJob& job);
std::string replay_text(const ReplayJob& job);  // For a terminal.

}  // namespace pinaflux
