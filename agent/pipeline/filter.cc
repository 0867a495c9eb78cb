// Every comparison is a question to one partial order: less, equal, greater, or none of them (unordered:
// other types, NaN). Integers and doubles are compared exactly: 2^53 + 1 as an integer is greater than
// 2^53 as a double, although a conversion would make them equal.

#include "agent/pipeline/filter.h"

#include <cmath>
#include <compare>
#include <limits>
#include <type_traits>

namespace pinaflux {

namespace {

using Order = std::partial_ordering;

template <class Integer>
Order compare_integer(Integer a, double b) {
  if (std::isnan(b)) return Order::unordered;
  constexpr double kBeyond = std::is_signed_v<Integer> ? 0x1p63 : 0x1p64;
  if (b >= kBeyond) return Order::less;
  if (b < static_cast<double>(std::numeric_limits<Integer>::min())) return Order::greater;
  const auto whole = static_cast<Integer>(b);  // Towards zero.
  if (a != whole) return a <=> whole;
  const double rest = b - std::trunc(b);
  return rest > 0 ? Order::less : rest < 0 ? Order::greater : Order::equivalent;
}

Order reverse(Order order) {
  if (order == Order::less) return Order::greater;
  if (order == Order::greater) return Order::less;
  return order;
}

Order compare(const Value& value, bool with) {
  if (value.type() != Type::boolean) return Order::unordered;
  return value.as_boolean() <=> with;
}

Order compare(const Value& value, std::int64_t with) {
  switch (value.type()) {
    case Type::int64: return value.as_int64() <=> with;
    case Type::uint64:
      if (with < 0) return Order::greater;
      return value.as_uint64() <=> static_cast<std::uint64_t>(with);
    case Type::float64: return reverse(compare_integer(with, value.as_float64()));
    default: return Order::unordered;
  }
}

Order compare(const Value& value, double with) {
  switch (value.type()) {
    case Type::int64: return compare_integer(value.as_int64(), with);
    case Type::uint64: return compare_integer(value.as_uint64(), with);
    case Type::float64: return value.as_float64() <=> with;
    default: return Order::unordered;
  }
}

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
