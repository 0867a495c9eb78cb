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

#include <optional>
#include <string>

#include "agent/pipeline/holding_step.h"
#include "agent/pipeline/key_limits.h"

namespace pinaflux {

class SwingStep final : public HoldingStep {
 public:
  static constexpr std::size_t kHeldBytesMax =
      kDoorHeldBytesMax;  // Packed, with the names of its fields.

  // Errors: no field, a width of 0 or below or not a number, another band beside it, no bound of silence, no key
  // (invalid); more than kSwingKeysMax (full).
  static Result<std::unique_ptr<Step>> make(const Deadband& options, Shapes& shapes);

  void take(const Record& record, Flow& flow) override;
  void tick(Instant now) override;

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
  SwingStep(const Deadband& options, Shapes& shapes);
  static std::optional<Door> door_of(std::string_view text);
  void write(const Door& door, Band& band);
  void absorb(const Pending& pending) override;
  bool restore_band(const BandTable::Stored& stored, Bytes value) override;
  Bytes held_by_forgotten() const;
  static Stamp newest(const Door& door, const Band& band);
  void swing(Door& door, Band& band, double value, const Pending& pending);
  bool fits(const Door& door, double value, double apart) const;
  void hold(Door& door, double value, std::int64_t time, double apart) const;
  static void hinge(Door& door, Band& band, double value, Stamp time);
  void let_go(Door& door, Band& band);

  double swing_;
  Duration silence_max_;
  Column field_;
  Buffer head_;       // Of the Band that is written;
  std::string text_;  // its text.
};

}  // namespace pinaflux
