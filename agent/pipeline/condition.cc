#include "agent/pipeline/condition.h"

namespace pinaflux {

Result<std::unique_ptr<Step>> ConditionStep::make(const Condition& options) {
  auto where = Expression::compile(options.where);
  if (!where) return fail(Code::invalid, "a filter's condition is no expression");
  return std::unique_ptr<Step>(new ConditionStep(std::move(*where)));
}

}  // namespace pinaflux
