#include "agent/pipeline/number_order.h"

#include <cmath>
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

}  // namespace

std::partial_ordering compare_number(const Value& value, std::int64_t with) {
  switch (value.type()) {
    case Type::int64: return value.as_int64() <=> with;
    case Type::uint64:
      if (with < 0) return Order::greater;
      return value.as_uint64() <=> static_cast<std::uint64_t>(with);
    case Type::float64: return reverse(compare_integer(with, value.as_float64()));
    default: return Order::unordered;
  }
}

std::partial_ordering compare_number(const Value& value, double with) {
  switch (value.type()) {
    case Type::int64: return compare_integer(value.as_int64(), with);
    case Type::uint64: return compare_integer(value.as_uint64(), with);
    case Type::float64: return value.as_float64() <=> with;
    default: return Order::unordered;
  }
}

std::partial_ordering compare_number(const Value& value, const Value& with) {
  switch (with.type()) {
    case Type::int64: return compare_number(value, with.as_int64());
    case Type::float64: return compare_number(value, with.as_float64());
    case Type::uint64: break;
    default: return Order::unordered;
  }
  if (value.type() == Type::uint64) return value.as_uint64() <=> with.as_uint64();
  if (value.type() == Type::int64) return reverse(compare_number(with, value.as_int64()));
  return value.type() == Type::float64 ? reverse(compare_number(with, value.as_float64()))
                                       : Order::unordered;
}

}  // namespace pinaflux
