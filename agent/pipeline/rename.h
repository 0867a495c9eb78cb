// RenameStep: the node of Rename: other names for the same values.
//
// Promise    Values are not copied: only the shape changes, and it is found once per shape.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/rename_test.cc
#pragma once

#include <optional>
#include <vector>

#include "agent/pipeline/step.h"

namespace pinaflux {

class RenameStep final : public Step {
 public:
  // Errors: an empty name, a field that is renamed twice.
  static Result<std::unique_ptr<Step>> make(const Rename& options, Shapes& shapes);

  // Refuses with node_failed: two fields would have the same name; shapes_exhausted: limits.h.
  void take(const Record& record, Flow& flow) override;

 private:
  struct Target {
    const Shape* shape = nullptr;
    Reason reason = Reason::node_failed;
  };
  RenameStep(const Rename& options, Shapes& shapes) : options_(options), shapes_(&shapes) {}
  Target find(const Shape& shape) const;

  Rename options_;
  Shapes* shapes_;
  std::vector<std::optional<Target>> targets_;  // By Shape::id.
};

}  // namespace pinaflux
