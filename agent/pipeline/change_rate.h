// ChangeRateStep: the node of ChangeRate: how fast fields change, and what counters have counted.
//
// Limits     ChangeRate's. A key that is too long to remember has no rate.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/change_rate_test.cc
#pragma once

#include <vector>

#include "agent/pipeline/added_fields.h"
#include "agent/pipeline/band_step.h"

namespace pinaflux {

class ChangeRateStep final : public BandStep {
 public:
  // Errors: no field or one twice, a time of 0, a wrap below 0 or not a number, a total or a wrap of what is no
  // counter (invalid); too many keys (full).
  static Result<std::unique_ptr<Step>> make(const ChangeRate& options, Shapes& shapes);

  void take(const Record& record, Flow& flow) override;
  Computed computed() const override { return {.copies = true, .fields = added_.count()}; }

 private:
  struct Field {
    std::string name;
    Column column;
  };
  struct Measured {
    Value rate, total;
  };
  ChangeRateStep(const ChangeRate& options, Shapes& shapes);
  Measured measure(const Field& field, const Record& record, const Value& value, Stamp turn);

  double per_ns_;
  bool counter_, total_;
  double wraps_at_;
  std::vector<Field> fields_;
  AddedFields added_;  // In the order of the fields, a rate, and a total if there are any.
};

}  // namespace pinaflux
