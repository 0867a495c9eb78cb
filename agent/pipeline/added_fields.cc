#include "agent/pipeline/added_fields.h"

#include <algorithm>
#include <utility>

namespace pinaflux {

const AddedFields::Target& AddedFields::target(const Shape& shape) {
  if (shape.id() >= targets_.size()) targets_.resize(shape.id() + 1);
  Target& target = targets_[shape.id()];
  if (std::exchange(target.known, true)) return target;
  std::vector<std::string_view> names(shape.fields().begin(), shape.fields().end());
  for (const std::string& name : names_) {
    const int there = shape.find(name);
    target.places.push_back(there < 0 ? names.size() : static_cast<std::size_t>(there));
    if (there < 0) names.emplace_back(name);
  }
  target.shape = shapes_->intern(stream_.empty() ? shape.stream() : stream_, names);
  return target;
}

std::span<Value> AddedFields::cells(const Record& record, const Target& target, Flow& flow) {
  if (target.shape == nullptr) {
    flow.refuse(Reason::shapes_exhausted);
    return {};
  }
  const auto cells = flow.cells.array<Value>(target.shape->field_count());
  if (cells.data() == nullptr) {
    flow.refuse(Reason::too_large);
    return {};
  }
  std::ranges::copy(record.cells(), cells.begin());
  return cells;
}

}  // namespace pinaflux
