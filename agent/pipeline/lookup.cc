#include "agent/pipeline/lookup.h"

#include "platform/base/text.h"

namespace pinaflux {

LookupStep::LookupStep(const Lookup& options, Shapes& shapes)
    : of_(options.of), otherwise_(options.otherwise), column_(options.of), added_(shapes) {}

Result<std::unique_ptr<Step>> LookupStep::make(const Lookup& options, Shapes& shapes) {
  if (options.of.empty()) return fail(Code::invalid, "lookup names no field");
  std::unique_ptr<LookupStep> step(new LookupStep(options, shapes));
  if (!step->table_.read(options).empty()) {
    return fail(Code::invalid, "lookup: the table cannot be read");
  }
  for (const std::string& name : step->table_.given()) step->added_.add(options.prefix + name);
  return step;
}

Step::Computed LookupStep::computed() const { return {.copies = true, .fields = added_.count()}; }

void LookupStep::take(const Record& record, Flow& flow) {
  const Value value = column_.of(record);
  const Value* const given = table_.find(value);
  if (given == nullptr) {
    if (otherwise_ == Lookup::Otherwise::pass) return flow.emit(record);
    if (otherwise_ == Lookup::Otherwise::drop) return;
    missing_ = value.type() == Type::absent || value.type() == Type::null;
    return flow.refuse(Reason::node_failed);
  }
  const AddedFields::Target& target = added_.target(record.shape());
  const auto cells = AddedFields::cells(record, target, flow);
  if (cells.data() == nullptr) return;
  for (std::size_t i = 0; i < target.places.size(); ++i) cells[target.places[i]] = given[i];
  flow.emit(Record::derived(record, Row{target.shape, cells.data(), record.time()}));
}

std::string LookupStep::failure() const {
  return joined({"field '", printable(of_, 40),
                 "': ", missing_ ? "it is missing" : "the table does not have its value"});
}

}  // namespace pinaflux
