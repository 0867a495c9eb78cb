// ConditionStep: the node of Condition: keeps the records for which an expression holds.
//
// Threads    Loop.
// Tests      tests/agent/pipeline/derive_test.cc
#pragma once

#include "agent/pipeline/expression.h"
#include "agent/pipeline/step.h"

namespace pinaflux {

class ConditionStep final : public Step {
 public:
  // Errors: the text is no expression.
  static Result<std::unique_ptr<Step>> make(const Condition& options);

  void take(const Record& record, Flow& flow) override {
    if (where_.holds(record)) flow.emit(record);
  }

 private:
  explicit ConditionStep(Expression where) : where_(std::move(where)) {}

  Expression where_;
};

}  // namespace pinaflux
