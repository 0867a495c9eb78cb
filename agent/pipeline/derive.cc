#include "agent/pipeline/derive.h"

#include <algorithm>

#include "agent/pipeline/kept_value.h"

namespace pinaflux {

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
    step->added_.add(name);
  }
  return step;
}

Step::Computed DeriveStep::computed() const { return {.copies = true, .fields = fields_.size()}; }

void DeriveStep::take(const Record& record, Flow& flow) {
  const AddedFields::Target& target = added_.target(record.shape());
  const auto cells = AddedFields::cells(record, target, flow);
  if (cells.data() == nullptr) return;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    auto value = fields_[i].expression.evaluate(record);
    if (!value) return flow.refuse(Reason::node_failed);
    if (!keep_value(*value, flow.texts)) return flow.refuse(Reason::too_large);
    cells[target.places[i]] = *value;
  }
  flow.emit(Record::derived(record, Row{target.shape, cells.data(), record.time()}));
}

}  // namespace pinaflux
