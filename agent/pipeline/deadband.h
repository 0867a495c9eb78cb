// DeadbandStep: the node of Deadband: drops records that say nothing new.
//
// Threads    Loop.
// Tests      tests/agent/pipeline/deadband_test.cc
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "agent/pipeline/band_table.h"
#include "agent/pipeline/column.h"
#include "agent/pipeline/step.h"

namespace pinaflux {

class DeadbandStep final : public Step {
 public:
  // Errors: no field, a band below 0 or not a number, no room for keys.
  static Result<std::unique_ptr<Step>> make(const Deadband& options);

  void take(const Record& record, Flow& flow) override;
  void commit() override;
  void discard() override { pending_count_ = 0; }
  void save(std::string_view prefix, std::vector<StateEdit>& to) override;
  void snapshot(std::string_view prefix, std::vector<StateEdit>& to) const override;
  void restore(Bytes value) override { (void)table_.restore(value); }

 private:
  struct Pending {
    std::string key;
    std::uint64_t hash = 0;
    Band band;
  };
  explicit DeadbandStep(const Deadband& options);
  bool keeps(const Record& record, Instant now);
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
