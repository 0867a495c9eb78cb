// DeriveStep: the node of Derive: fields whose values are computed of the record's others.
//
// Promise    All expressions see the record as it came. One that has no value for it refuses the record (node_failed).
// Limits     The new record's cells are in the group's arena for what is computed, texts in the other; too_large without room.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/derive_test.cc
#pragma once

#include <vector>

#include "agent/pipeline/added_fields.h"
#include "agent/pipeline/expression.h"
#include "agent/pipeline/step.h"

namespace pinaflux {

class DeriveStep final : public Step {
 public:
  // Errors: an empty name, a name twice, a text that is no expression.
  static Result<std::unique_ptr<Step>> make(const Derive& options, Shapes& shapes);

  void take(const Record& record, Flow& flow) override;
  Computed computed() const override;

 private:
  struct Field {
    std::string name;
    Expression expression;
  };
  explicit DeriveStep(Shapes& shapes) : added_(shapes) {}

  std::vector<Field> fields_;
  AddedFields added_;  // Likewise.
};

}  // namespace pinaflux
