// AnomalyStep: the node of Anomaly: how far values are from what they were lately.
//
// Promise    A score is of the values before the record's own: Hampel's identifier (Davies and Gather, "The Identification of
//            Multiple Outliers", 1993) over the last `history` of them. The same values give the same scores, whatever
//            came between.
// Limits     Anomaly's. A key that is too long to remember has no score. Nothing from the heap in steady state.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/anomaly_test.cc
#pragma once

#include <array>
#include <span>
#include <vector>

#include "agent/pipeline/added_fields.h"
#include "agent/pipeline/band_step.h"
#include "agent/pipeline/key_limits.h"

namespace pinaflux {

class AnomalyStep final : public BandStep {
 public:
  // Errors: no field or one twice, a threshold of 0 or below or not a number, a spread below 0 or not a number, a history
  // of less than 3 or more than 63 values, a score before 3 of them or after more than are remembered, no key
  // (invalid); too many keys (full).
  static Result<std::unique_ptr<Step>> make(const Anomaly& options, Shapes& shapes);

  void take(const Record& record, Flow& flow) override;
  Computed computed() const override { return {.copies = true, .fields = added_.count()}; }

 private:
  struct Field {
    std::string name;
    Column column;
  };
  struct Mark {
    Value score, anomaly;
  };
  AnomalyStep(const Anomaly& options, Shapes& shapes);
  Mark mark(const Field& field, const Record& record, double value, Stamp turn);
  std::size_t read(std::string_view text);
  void remember_in(Band& band, std::size_t known, double value, Stamp time);
  Mark judge(std::span<const double> values, double value) const;

  double threshold_, least_spread_;
  std::size_t history_, warm_up_;
  std::vector<Field> fields_;
  AddedFields added_;  // In the order of the fields, a score and a mark.
  std::array<double, kAnomalyHistoryMax> values_;  // Of the key that is looked at, oldest first.
  Buffer packed_;
};

}  // namespace pinaflux
