// SelectStep: the node of Select: some of a record's fields, and no others.
//
// Promise    A record that has none of them goes nowhere: it says nothing.
// Limits     The new record's cells are in the group's arena for what is computed; too_large without room.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/derive_test.cc
#pragma once

#include <string>
#include <vector>

#include "agent/pipeline/step.h"

namespace pinaflux {

class SelectStep final : public Step {
 public:
  // Errors: no field is named.
  static Result<std::unique_ptr<Step>> make(const Select& options, Shapes& shapes);

  void take(const Record& record, Flow& flow) override;
  Computed computed() const override { return {.copies = true}; }

 private:
  struct Target {
    bool known = false;
    const Shape* shape = nullptr;
    std::vector<std::size_t> places;  // In the record, by field of `shape`.
  };
  SelectStep(const Select& options, Shapes& shapes) : options_(options), shapes_(&shapes) {}
  const Target& target(const Shape& shape);

  Select options_;
  Shapes* shapes_;
  std::vector<Target> targets_;  // By Shape::id.
};

}  // namespace pinaflux
