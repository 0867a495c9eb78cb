// Every comparison is a question to one partial order: less, equal, greater, or none of them (unordered:
// other types, NaN).

#include "agent/pipeline/filter.h"

#include <compare>

#include "agent/pipeline/number_order.h"

namespace pinaflux {

namespace {

using Order = std::partial_ordering;

Order compare(const Value& value, bool with) {
  if (value.type() != Type::boolean) return Order::unordered;
  return value.as_boolean() <=> with;
}

Order compare(const Value& value, std::int64_t with) { return compare_number(value, with); }

Order compare(const Value& value, double with) { return compare_number(value, with); }

Order compare(const Value& value, const std::string& with) {
  if (!value.is_view()) return Order::unordered;
  return value.as_text() <=> std::string_view(with);
}

Order compare(const Value&, std::monostate) { return Order::unordered; }

}  // namespace

Result<std::unique_ptr<Step>> FilterStep::make(const FieldFilter& options) {
  if (options.field.empty()) return fail(Code::invalid, "a filter names a field");
  const bool has_value = !std::holds_alternative<std::monostate>(options.with);
  if (!has_value && options.compare != FieldFilter::Compare::exists) {
    return fail(Code::invalid, "a filter compares with a value");
  }
  return std::unique_ptr<Step>(new FilterStep(options));
}

void FilterStep::take(const Record& record, Flow& flow) {
  if (keeps(record)) flow.emit(record);
}

bool FilterStep::keeps(const Record& record) {
  using Compare = FieldFilter::Compare;
  const Value value = column_.of(record);
  if (value.type() == Type::absent || value.type() == Type::null) return options_.keep_missing;
  if (options_.compare == Compare::exists) return true;
  const Order order = std::visit([&](const auto& w) { return compare(value, w); }, options_.with);
  switch (options_.compare) {
    case Compare::equal: return order == 0;
    case Compare::not_equal: return order != 0;
    case Compare::less: return order < 0;
    case Compare::less_equal: return order <= 0;
    case Compare::greater: return order > 0;
    case Compare::greater_equal: return order >= 0;
    case Compare::exists: break;
  }
  return true;
}

}  // namespace pinaflux
