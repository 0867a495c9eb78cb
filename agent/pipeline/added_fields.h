// AddedFields: where the fields that a step computes go in records of each shape: over those that have their names,
// and behind all others.
//
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/derive_test.cc
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/pipeline/step.h"

namespace pinaflux {

class AddedFields {
 public:
  struct Target {
    bool known = false;
    const Shape* shape = nullptr;     // Null: there are too many shapes.
    std::vector<std::size_t> places;  // By name.
  };

  // `stream`: of the records that come of it; empty: the record's.
  explicit AddedFields(Shapes& shapes, std::string stream = {})
      : shapes_(&shapes), stream_(std::move(stream)) {}
  void add(std::string name) { names_.push_back(std::move(name)); }
  std::size_t count() const { return names_.size(); }

  const Target& target(const Shape& shape);
  // The record's cells with room for more, in the group's arena for what is computed; without data where the record was
  // refused: shapes_exhausted, too_large.
  static std::span<Value> cells(const Record& record, const Target& target, Flow& flow);

 private:
  Shapes* shapes_;
  std::string stream_;
  std::vector<std::string> names_;
  std::vector<Target> targets_;  // By Shape::id.
};

}  // namespace pinaflux
