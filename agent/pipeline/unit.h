// Unit: what a number is measured in, and the way from one unit to another of its kind.
//
// Promise    Factors are whole numbers of a double, exact by definition but for hp and rad, so that a conversion is rounded
//            twice at most; temperatures once more for each zero.
// Source     BIPM, SI brochure, 9th edition (tables 7 and 8); NIST SP 811, 2008, appendix B (inch, pound, gallon, psi, mile, hp).
// Threads    Immutable; any.
// Tests      tests/agent/pipeline/convert_test.cc
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pinaflux {

enum class Measure : std::uint8_t {
  temperature,
  pressure,
  length,
  mass,
  volume,
  flow,
  speed,
  energy,
  power,
  time,
  angle,
  ratio,
  frequency,
  voltage,
  current
};

// A number of this unit is (number - zero) * up / down of the first unit of its kind.
struct MeasureUnit {
  std::string_view name;
  Measure kind;
  double up = 1.0, down = 1.0, zero = 0.0;
};

struct UnitConversion {
  double zero_from = 0.0, up = 1.0, down = 1.0, zero_to = 0.0;

  double operator()(double number) const { return (number - zero_from) * up / down + zero_to; }
};

std::span<const MeasureUnit> measure_units();  // By kind.
const MeasureUnit* find_unit(std::string_view name);
// What is meant by a name that is none: in other letters, or nearly.
std::optional<std::string_view> closest_unit(std::string_view name);
// "C, F, K": those of its kind.
std::string units_like(const MeasureUnit& unit);
// Nothing between kinds.
std::optional<UnitConversion> convert_unit(const MeasureUnit& from, const MeasureUnit& to);

}  // namespace pinaflux
