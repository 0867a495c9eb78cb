// FilterStep: the node of FieldFilter: keeps the records for which one comparison holds.
//
// Threads    Loop.
// Tests      tests/agent/pipeline/filter_test.cc
#pragma once

#include "agent/pipeline/column.h"
#include "agent/pipeline/step.h"

namespace pinaflux {

class FilterStep final : public Step {
 public:
  // Errors: a comparison without a value.
  static Result<std::unique_ptr<Step>> make(const FieldFilter& options);

  void take(const Record& record, Flow& flow) override;

 private:
  explicit FilterStep(const FieldFilter& options) : options_(options), column_(options.field) {}
  bool keeps(const Record& record);

  FieldFilter options_;
  Column column_;
};

}  // namespace pinaflux
