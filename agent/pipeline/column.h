// Column: where one field is in each shape, looked up once per shape.
//
// Ownership  Shapes must outlive it.
// Threads    Loop.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "agent/data/record.h"

namespace pinaflux {

class Column {
 public:
  explicit Column(std::string field) : field_(std::move(field)) {}

  // The record's cell, or an absent value.
  Value of(const Record& record) {
    const int at = position(record.shape());
    return at < 0 ? Value() : record.row().values[at];
  }

  // Below 0: it has none.
  int position(const Shape& shape) {
    const std::size_t id = shape.id();
    if (id >= positions_.size()) positions_.resize(id + 1, kUnknown);
    if (positions_[id] == kUnknown) positions_[id] = shape.find(field_);
    return positions_[id];
  }

 private:
  static constexpr int kUnknown = -2;

  std::string field_;
  std::vector<int> positions_;  // By Shape::id.
};

}  // namespace pinaflux
