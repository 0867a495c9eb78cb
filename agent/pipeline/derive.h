// DeriveStep: the node of Derive: fields whose values are computed of the record's others.
//
// Promise    All expressions see the record as it came. One that has no value for it refuses the record (node_failed).
// Limits     The new record's cells are in the group's arena for what is computed, texts in the other; too_large without room.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/derive_test.cc
#pragma once

#include <vector>

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
  // Where the values go in records of one shape.
  struct Target {
    bool known = false;
    const Shape* shape = nullptr;
    std::vector<std::size_t> places;  // By field of fields_.
  };
  explicit DeriveStep(Shapes& shapes) : shapes_(&shapes) {}
  const Target& target(const Shape& shape);

  Shapes* shapes_;
  std::vector<Field> fields_;
  std::vector<Target> targets_;  // By Shape::id.
};

}  // namespace pinaflux
