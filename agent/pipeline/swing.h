// SwingStep: the node of Deadband with `swing`: a swinging door, which keeps what a polygon needs.
//
// Promise    Between two records that it gives one after the other, of one key and boot and with ascending times, a
//            straight line over time is within `swing` (and the rounding of doubles) of the field in all that it
//            dropped there; latecomers are given beside that. What is held back, or waits to be given, is in the state of
//            the same group: a crash loses nothing.
// Order      Of a key: as they came.
// Limits     A record of more than kHeldBytesMax is kept instead of held back; so is one whose key is too long. tick()
//            lets at most kWaitingMax wait.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/swing_test.cc, delta_reporting_test.cc
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "agent/pipeline/band_table.h"
#include "agent/pipeline/column.h"
#include "agent/pipeline/key_limits.h"
#include "agent/pipeline/step.h"

namespace pinaflux {

class SwingStep final : public Step {
 public:
  static constexpr std::size_t kHeldBytesMax =
      kDoorHeldBytesMax;  // Packed, with the names of its fields.
  static constexpr std::size_t kWaitingMax = 1'024;

  // Errors: no field, a width of 0 or below or not a number, another band beside it, no bound of silence, no key
  // (invalid); more than kSwingKeysMax (full).
  static Result<std::unique_ptr<Step>> make(const Deadband& options, Shapes& shapes);

  void take(const Record& record, Flow& flow) override;
  void commit() override;
  void discard() override { pending_count_ = 0; }
  void save(std::string_view prefix, std::vector<StateEdit>& to) override;
  void snapshot(std::string_view prefix, std::vector<StateEdit>& to) const override;
  void restore(Bytes value) override;

  bool gives() const override { return true; }
  void tick(Instant now) override;
  void resume(Instant now) override;
  Instant next() const override { return due_; }
  bool waits() override;
  std::optional<Given> give(Arena& arena) override;
  void given() override;

 private:
  // What is known of a key: the last point that was kept, and between which slopes the line from there may lie.
  struct Door {
    bool timed = false;   // The newest time is known: the Band's, or that of the held record.
    bool hinged = false;  // There is such a point:
    double value = 0.0;   // its value. Its time is the Band's.
    double slope_min = 0.0, slope_max = 0.0;
    bool holds = false;
    double held_value = 0.0;
    std::int64_t held_ns = 0;
    Bytes held;  // The record, packed; in the Band's text.
  };
  struct Pending {
    std::string key;
    std::uint64_t hash = 0;
    std::optional<Record> record;
    SourceIndex source = 0;
    Moment moment;
  };
  struct Waiting {
    std::uint64_t id = 0;  // In the stored state; 0: it is not there.
    Buffer packed;
  };

  SwingStep(const Deadband& options, Shapes& shapes);
  static std::optional<Door> door_of(std::string_view text);
  void write(const Door& door, Band& band);
  std::string_view key_of(const Record& record);
  void absorb(const Pending& pending);
  Bytes held_by_forgotten() const;
  static Stamp newest(const Door& door, const Band& band);
  void swing(Door& door, Band& band, double value, const Pending& pending);
  bool fits(const Door& door, double value, double apart) const;
  void hold(Door& door, double value, std::int64_t time, double apart) const;
  static void hinge(Door& door, Band& band, double value, Stamp time);
  void let_go(Door& door, Band& band);
  void keep(Bytes packed);
  void settle();
  void restore_band(Bytes value);
  void restore_waiting(Bytes value);

  double swing_;
  Duration silence_max_;
  Column field_;
  std::vector<Column> keys_;
  Shapes& shapes_;
  std::uint64_t signature_;
  BandTable table_;
  std::array<char, BandTable::kKeyBytesMax> scratch_;
  Buffer packed_;     // The record that is looked at.
  Buffer head_;       // Of the Band that is written;
  std::string text_;  // its text.

  std::vector<Pending> pending_;  // Places are used again.
  std::size_t pending_count_ = 0;

  std::deque<Waiting> waiting_;   // To be given, in this order.
  std::vector<Buffer> restored_;  // And behind what has been restored: what restored keys gave up.
  std::uint64_t next_id_ = 1;
  std::vector<std::uint64_t> given_;    // To be erased, by number.
  std::vector<std::uint64_t> foreign_;  // Bands of other options, and damaged ones, to be erased.
  Instant due_ = Instant::never();      // Nothing is held for too long before.
};

}  // namespace pinaflux
