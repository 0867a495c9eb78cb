#include "agent/pipeline/select.h"

#include <algorithm>
#include <utility>

namespace pinaflux {

Result<std::unique_ptr<Step>> SelectStep::make(const Select& options, Shapes& shapes) {
  if (options.fields.empty()) return fail(Code::invalid, "select names no field");
  return std::unique_ptr<Step>(new SelectStep(options, shapes));
}

void SelectStep::take(const Record& record, Flow& flow) {
  const Target& target = this->target(record.shape());
  if (target.places.empty()) return;
  if (target.shape == nullptr) return flow.refuse(Reason::shapes_exhausted);
  const auto cells = flow.cells.array<Value>(target.places.size());
  if (cells.data() == nullptr) return flow.refuse(Reason::too_large);
  std::ranges::transform(target.places, cells.begin(),
                         [&](std::size_t place) { return record.cells()[place]; });
  flow.emit(Record::derived(record, Row{target.shape, cells.data(), record.time()}));
}

const SelectStep::Target& SelectStep::target(const Shape& shape) {
  if (shape.id() >= targets_.size()) targets_.resize(shape.id() + 1);
  Target& target = targets_[shape.id()];
  if (std::exchange(target.known, true)) return target;
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < shape.field_count(); ++i) {
    const std::string& name = shape.fields()[i];
    if (std::ranges::contains(options_.fields, name) == options_.drop) continue;
    names.emplace_back(name);
    target.places.push_back(i);
  }
  if (!names.empty()) target.shape = shapes_->intern(shape.stream(), names);
  return target;
}

}  // namespace pinaflux
