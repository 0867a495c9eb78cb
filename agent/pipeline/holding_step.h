// HoldingStep: a node that holds back what came, by key, and gives it of its own accord.
//
// Promise    What came counts from commit() on. What is held, and what waits to be given, is in the state of the same group: a
//            crash loses nothing. What was stored under other options, or is damaged, is erased.
// Order      Of a key: as they came.
// Limits     `keys_max` keys, each with so many bytes. tick() of a kind lets at most kWaitingMax wait.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/swing_test.cc, alert_test.cc, merge_test.cc
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/pipeline/band_table.h"
#include "agent/pipeline/column.h"
#include "agent/pipeline/step.h"
#include "agent/pipeline/waiting_queue.h"

namespace pinaflux {

class HoldingStep : public Step {
 public:
  static constexpr std::size_t kWaitingMax = 1'024;

  void commit() override;
  void discard() override { pending_count_ = 0; }
  void save(std::string_view prefix, std::vector<StateEdit>& to) override;
  void snapshot(std::string_view prefix, std::vector<StateEdit>& to) const override;
  void restore(Bytes value) override;

  bool gives() const override { return true; }
  void resume(Instant now) override;
  Instant next() const override { return due_; }
  bool waits() override { return waiting_.count() > 0; }
  std::optional<Given> give(Arena& arena) override;
  void given() override { waiting_.given(); }

 protected:
  struct Pending {
    std::string key;
    std::uint64_t hash = 0;
    std::optional<Record> record;
    SourceIndex source = 0;
    Moment moment;
  };
  HoldingStep(std::span<const std::string> keys, std::size_t keys_max, std::uint64_t signature,
              std::size_t held_bytes_max, Shapes& shapes);

  // The record's stream and key fields; empty when they are too long.
  std::string_view key_of(const Record& record);
  // For absorb(), if the walk is committed.
  void remember(std::string_view key, const Record& record, const Flow& flow);
  virtual void absorb(const Pending& pending) = 0;
  // Takes what the state says of a key. False: it is erased.
  virtual bool restore_band(const BandTable::Stored& stored, Bytes value) = 0;
  // Of what waits: packed records, if the kind says nothing else.
  virtual bool is_sound(Bytes entry) const;

  std::vector<Column> keys_;
  Shapes& shapes_;
  BandTable table_;
  WaitingQueue waiting_;
  Instant due_ = Instant::never();  // tick() finds nothing before.
  Buffer packed_;                   // The record that is looked at.
  std::array<char, BandTable::kKeyBytesMax> scratch_;

 private:
  std::vector<Pending> pending_;  // Places are used again.
  std::size_t pending_count_ = 0;
  std::vector<std::uint64_t> foreign_;  // Bands to be erased.
};

}  // namespace pinaflux
