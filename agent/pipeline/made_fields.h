// MadeFields: fields that a step finds in a record, whose names depend on data: they take the place of those that the record has, and
// stand behind the others in the order in which they came.
//
// Limits     `fields_max` of a record. One shape for each that comes, and kShapesMoreMax beside these.
// Ownership  Shapes must outlive it. Values are views: they live as long as the records made of them.
// Threads    Loop.
// Tests      tests/agent/pipeline/parse_test.cc
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/pipeline/step.h"

namespace pinaflux {

class MadeFields {
 public:
  static constexpr std::size_t kShapesMoreMax = 256;

  MadeFields(Shapes& shapes, std::size_t fields_max) : shapes_(&shapes), fields_max_(fields_max) {}

  void clear() {
    count_ = 0;
    shapes_full_ = false;
  }
  std::span<const std::string> names() const { return {names_.data(), count_}; }
  std::span<const Value> values() const { return {values_.data(), count_}; }
  // Why not: a name that is none or was there, too many; null: it is added.
  const char* add(std::string_view prefix, std::string_view name, const Value& value);
  // Gives the record with them, without the field at `without` (-1: with all), unless it has no field then. False: it was refused.
  bool emit(const Record& record, int without, Stamp time, Flow& flow);
  // The last refusal was for the number of shapes.
  bool shapes_full() const { return shapes_full_; }

 private:
  struct Plan {
    const Shape* shape = nullptr;
    std::vector<std::string> names;
    std::vector<std::size_t> places;  // By name.
  };
  const Plan* plan(const Shape& from);
  bool holds(const Plan& plan) const;

  Shapes* shapes_;
  std::size_t fields_max_;
  std::size_t count_ = 0;
  std::vector<std::string> names_;  // The first count_ of them; the others keep their memory.
  std::vector<Value> values_;
  std::vector<Plan> plans_;  // By Shape::id of what came: the last one.
  std::vector<const Shape*> given_;
  std::size_t shapes_more_ = 0;
  bool shapes_full_ = false;
};

}  // namespace pinaflux
