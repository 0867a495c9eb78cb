// Renamer: the node of Rename: other names for the same values.
//
// Promise    Values are not copied: only the shape changes, and it is found once per shape.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/rename_test.cc
#pragma once

#include <expected>
#include <optional>
#include <vector>

#include "agent/data/intake.h"
#include "agent/pipeline/pipeline.h"

namespace pinaflux {

class Renamer {
 public:
  // Errors: an empty name, a field that is renamed twice.
  static Result<Renamer> make(const Rename& options, Shapes& shapes);

  // node_failed: two fields would have the same name. shapes_exhausted: limits.h.
  std::expected<Record, Reason> rename(const Record& record);

 private:
  struct Target {
    const Shape* shape = nullptr;
    Reason reason = Reason::node_failed;
  };
  Renamer(const Rename& options, Shapes& shapes) : options_(options), shapes_(&shapes) {}
  Target find(const Shape& shape) const;

  Rename options_;
  Shapes* shapes_;
  std::vector<std::optional<Target>> targets_;  // By Shape::id.
};

}  // namespace pinaflux
