// DeadbandNode: the node of Deadband: drops records that say nothing new.
//
// Promise    A record that keeps() said yes to is remembered only by commit(): one that is refused further
//            down its path leaves no trace.
// Threads    Loop.
// Tests      tests/agent/pipeline/deadband_test.cc
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "agent/data/group.h"
#include "agent/pipeline/band_table.h"
#include "agent/pipeline/column.h"
#include "agent/pipeline/pipeline.h"

namespace pinaflux {

class DeadbandNode {
 public:
  // Errors: no field, a band below 0 or not a number, no room for keys.
  static Result<DeadbandNode> make(const Deadband& options);

  bool keeps(const Record& record, Instant now);
  // What keeps() said yes to since the last call came through, or did not.
  void commit();
  void discard() { pending_count_ = 0; }

  // `prefix` begins the edits' keys.
  void save(std::string_view prefix, std::vector<StateEdit>& to);
  void snapshot(std::string_view prefix, std::vector<StateEdit>& to) const;
  bool restore(Bytes value) { return table_.restore(value); }

 private:
  struct Pending {
    std::string key;
    std::uint64_t hash = 0;
    Band band;
  };
  explicit DeadbandNode(const Deadband& options);
  std::string_view key_of(const Record& record);
  Band* last(std::string_view key, std::uint64_t hash);
  bool silent_too_long(const Band& band, Stamp time, Instant now) const;
  void remember(std::string_view key, std::uint64_t hash, const Value& value, Stamp time,
                Instant now);

  double within_;
  Duration silence_max_;
  Column field_;
  std::vector<Column> keys_;
  BandTable table_;
  std::array<char, BandTable::kKeyBytesMax> scratch_;
  std::vector<Pending> pending_;  // Places are used again.
  std::size_t pending_count_ = 0;
};

}  // namespace pinaflux
