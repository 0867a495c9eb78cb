// Inspection: what waits in a spool, counted by lane, and its oldest records.
//
// Promise    Nothing is leased, sealed or changed. Records are shown as they are stored: masked.
// Limits     While an agent runs, commits go on between two steps: a count may be a second old.
// Threads    As Operation.
// Tests      tests/agent/spool/inspect_test.cc ("pinaflux.queue.stats/1" is golden)
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/data/limits.h"
#include "agent/seal/envelope.h"
#include "agent/spool/operation.h"
#include "agent/spool/queue.h"

namespace pinaflux {

struct LaneStats {
  std::string gateway, name;
  Epoch epoch{};
  std::uint64_t next_seq = 1, acked = 0;
  std::uint64_t shed = 0;                // Records lost since the lane began.
  std::uint64_t records = 0, bytes = 0;  // In envelopes and chunks.
  std::uint64_t lost = 0;                // Under tombstones that are still queued.
  std::uint64_t envelopes = 0, chunks = 0, tombstones = 0;
  Stamp oldest;  // Of the oldest queued record.
};

struct QueueStats {
  std::vector<LaneStats> lanes;  // Those of the file's epoch, and others that hold something.
  std::uint64_t file_bytes = 0, wal_bytes = 0;
  std::uint64_t free_bytes = 0;  // Of the file: for what is to come.
  std::uint64_t bytes_max = 0;
  std::uint64_t dead_letters = 0;
};

std::string stats_json(const QueueStats& stats);  // "pinaflux.queue.stats/1", one line.
std::string stats_text(const QueueStats& stats);  // For a terminal.

class Survey : public Operation {
 public:
  enum class Form { text, json };
  explicit Survey(Form form) : form_(form) {}
  Result<bool> step(const Access& access, Buffer& out) override;

 private:
  Status begin(const Access& access);
  void count(const Entry& entry);
  Status conclude(const Access& access);

  Form form_;
  bool begun_ = false;
  std::vector<LaneId> ids_;  // Of stats_.lanes.
  QueueStats stats_;
  Entry at_;
};

// The oldest records, each a line of JSON as `decode` prints it.
class Peek : public Operation {
 public:
  // Of the lanes of this name; of all, each, if it is empty.
  Peek(std::string lane, std::uint64_t count);
  Result<bool> step(const Access& access, Buffer& out) override;

 private:
  Status begin(const Access& access);
  Result<bool> load(const Access& access);
  void print(Buffer& out);

  std::string name_;
  std::uint64_t count_;
  bool begun_ = false;
  std::vector<Lane> lanes_;  // Still to be looked into; the last one first.
  std::uint64_t left_ = 0;   // Records to be shown of lanes_.back().
  std::uint64_t next_seq_ = 0;
  // An entry, opened.
  Opener opener_;
  std::unique_ptr<Shapes> shapes_;
  Arena arena_;
  std::vector<Row> rows_;
  std::size_t shown_ = 0;
  Range range_;  // Of the row that is open.
  std::uint64_t every_ = 1;
};

// The lanes of this name, all if it is empty. not_found: there is none.
Result<std::vector<Lane>> lanes_named(const Access& access, const std::string& name);

// The entry that covers `seq` or the first behind it: what was one row at the step before may be part of
// a larger tombstone now.
Result<std::optional<Entry>> covering(Queue& queue, LaneId lane, std::uint64_t seq);

}  // namespace pinaflux
