#include "agent/pipeline/derive.h"

#include <algorithm>

namespace pinaflux {

namespace {
// False: there is no room.
bool keep(Value& value, Arena& arena) {
  if (!value.is_view()) return true;
  const std::string_view copy = arena.copy(value.as_text());
  if (copy.data() == nullptr) return false;
  value = value.type() == Type::text ? Value::text(copy) : Value::bytes(as_bytes(copy));
  return true;
}
}  // namespace

Result<std::unique_ptr<Step>> DeriveStep::make(const Derive& options, Shapes& shapes) {
  std::unique_ptr<DeriveStep> step(new DeriveStep(shapes));
  for (const auto& [name, text] : options.fields) {
    if (name.empty()) return fail(Code::invalid, "derive: a field's name is empty");
    if (std::ranges::contains(step->fields_, name, &Field::name)) {
      return fail(Code::invalid, "derive: a field is computed twice");
    }
    auto expression = Expression::compile(text);
    if (!expression) return fail(Code::invalid, "derive: a text is no expression");
    step->fields_.push_back({name, std::move(*expression)});
  }
  return step;
}

Step::Computed DeriveStep::computed() const { return {.copies = true, .fields = fields_.size()}; }

void DeriveStep::take(const Record& record, Flow& flow) {
  const Target& target = this->target(record.shape());
  if (target.shape == nullptr) return flow.refuse(Reason::shapes_exhausted);
  const auto cells = flow.cells.array<Value>(target.shape->field_count());
  if (cells.data() == nullptr) return flow.refuse(Reason::too_large);
  std::ranges::copy(record.cells(), cells.begin());
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    auto value = fields_[i].expression.evaluate(record);
    if (!value) return flow.refuse(Reason::node_failed);
    if (!keep(*value, flow.texts)) return flow.refuse(Reason::too_large);
    cells[target.places[i]] = *value;
  }
  flow.emit(Record::derived(record, Row{target.shape, cells.data(), record.time()}));
}

const DeriveStep::Target& DeriveStep::target(const Shape& shape) {
  if (shape.id() >= targets_.size()) targets_.resize(shape.id() + 1);
  Target& target = targets_[shape.id()];
  if (std::exchange(target.known, true)) return target;
  std::vector<std::string_view> names(shape.fields().begin(), shape.fields().end());
  for (const Field& field : fields_) {
    const int there = shape.find(field.name);
    target.places.push_back(there < 0 ? names.size() : static_cast<std::size_t>(there));
    if (there < 0) names.emplace_back(field.name);
  }
  target.shape = shapes_->intern(shape.stream(), names);
  return target;
}

}  // namespace pinaflux
