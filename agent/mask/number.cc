// Multiples of a step such as 0.1 are computed as n / 10 and not as n * 0.1: the result is then the
// double nearest to the decimal, and seal's scaled integers keep it in one or two bytes.

#include "agent/mask/number.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pinaflux {

namespace {

// A multiple within a few steps of the double counts as reached: 0.29 * 100 is 28.999999999999996.
double lower_count(double count) {
  const double nearest = std::round(count);
  const double near = std::min(1e-15 * std::max(1.0, std::abs(count)), 0.1);
  return std::abs(count - nearest) < near ? nearest : std::floor(count);
}

template <class Count>
double to_multiple(double d, double step, Count count_of) {
  if (std::isnan(d))
    return std::numeric_limits<double>::quiet_NaN();  // A payload could say something.
  const double per_unit = std::nearbyint(1.0 / step);
  const bool decimal = per_unit >= 1.0 && std::abs(per_unit * step - 1.0) < 1e-9;
  const double count = decimal ? d * per_unit : d / step;
  // Neighbouring doubles are further apart than the step: `d` is as coarse as asked already.
  if (!(std::abs(count) < kExactIntegerMax)) return d;
  const double multiple = decimal ? count_of(count) / per_unit : count_of(count) * step;
  return multiple == 0.0 ? 0.0 : multiple;  // No -0: its sign would tell on which side it was.
}

bool is_whole(double d) { return d == std::trunc(d) && std::abs(d) < kExactIntegerMax; }

// Half away from zero. False when the multiple is beyond 64 bits.
bool round_int64(std::int64_t& value, std::int64_t step) {
  const std::int64_t rest = value % step;
  const std::int64_t below = value - rest;  // Towards zero.
  const std::int64_t far = rest < 0 ? -rest : rest;
  if (far < step - far) {
    value = below;
    return true;
  }
  return !__builtin_add_overflow(below, value < 0 ? -step : step, &value);
}

bool lower_int64(std::int64_t& value, std::int64_t width) {
  const std::int64_t rest = value % width;
  return !__builtin_sub_overflow(value, rest < 0 ? rest + width : rest, &value);
}

template <class OfInteger, class Count>
bool move_to_multiple(Value& value, double step, OfInteger of_integer, Count count) {
  if (!value.is_number()) return false;
  if (value.type() == Type::int64 && is_whole(step)) {
    std::int64_t i = value.as_int64();
    if (!of_integer(i, static_cast<std::int64_t>(step))) return false;
    value = Value::int64(i);
  } else {
    value = Value::float64(to_multiple(value.to_double(), step, count));
  }
  return true;
}

}  // namespace

bool round_to_multiple(Value& value, double step) {
  return move_to_multiple(value, step, round_int64, [](double count) { return std::round(count); });
}

bool lower_to_multiple(Value& value, double width) {
  return move_to_multiple(value, width, lower_int64, lower_count);
}

bool lower_to_edge(Value& value, std::span<const double> edges) {
  if (!value.is_number() || std::isnan(value.to_double())) return false;
  const auto above = std::ranges::upper_bound(edges, value.to_double());
  if (above == edges.begin()) return false;
  const double edge = above[-1];
  value = value.type() == Type::int64 && is_whole(edge)
              ? Value::int64(static_cast<std::int64_t>(edge))
              : Value::float64(edge);
  return true;
}

bool add_noise(Value& value, double width, std::uint64_t random) {
  if (!value.is_number()) return false;
  if (value.type() == Type::int64 && is_whole(width)) {
    const auto most = static_cast<std::int64_t>(width);
    const auto noise = static_cast<std::int64_t>(random % static_cast<std::uint64_t>(2 * most + 1));
    std::int64_t sum = 0;
    if (__builtin_add_overflow(value.as_int64(), noise - most, &sum)) return false;
    value = Value::int64(sum);
    return true;
  }
  const double grid = std::pow(10.0, std::floor(std::log10(width)) - 2);
  const double d = value.to_double();
  if (!std::isnan(d) && !(std::abs(d) / grid < kExactIntegerMax))
    return false;  // It would be lost.
  const double noise = (static_cast<double>(random >> 11) * 0x1p-52 - 1.0) * width;
  value =
      Value::float64(to_multiple(d + noise, grid, [](double count) { return std::round(count); }));
  return true;
}

}  // namespace pinaflux
