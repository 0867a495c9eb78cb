// Two whole numbers instead of one factor: 1013.25 mbar is 1013.25 * 1 / 1000 bar, which rounds once, where 1013.25 * 0.001 rounds
// twice. What both have in common is taken out, so that the products stay whole (below 2^53) for each pair of units.

#include "agent/pipeline/unit.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr MeasureUnit kUnits[] = {
    {"C", Measure::temperature},
    {"F", Measure::temperature, 5, 9, 32},
    {"K", Measure::temperature, 1, 1, 273.15},
    {"Pa", Measure::pressure},
    {"hPa", Measure::pressure, 100},
    {"kPa", Measure::pressure, 1'000},
    {"MPa", Measure::pressure, 1'000'000},
    {"mbar", Measure::pressure, 100},
    {"bar", Measure::pressure, 100'000},
    {"atm", Measure::pressure, 101'325},
    {"psi", Measure::pressure, 44'482'216'152'605, 6'451'600'000},  // lb x 9.80665 m/s2, by in^2.
    {"m", Measure::length},
    {"mm", Measure::length, 1, 1'000},
    {"cm", Measure::length, 1, 100},
    {"km", Measure::length, 1'000},
    {"in", Measure::length, 127, 5'000},
    {"ft", Measure::length, 381, 1'250},
    {"yd", Measure::length, 1'143, 1'250},
    {"mi", Measure::length, 201'168, 125},
    {"kg", Measure::mass},
    {"mg", Measure::mass, 1, 1'000'000},
    {"g", Measure::mass, 1, 1'000},
    {"t", Measure::mass, 1'000},
    {"lb", Measure::mass, 45'359'237, 100'000'000},
    {"oz", Measure::mass, 45'359'237, 1'600'000'000},
    {"m3", Measure::volume},
    {"ml", Measure::volume, 1, 1'000'000},
    {"l", Measure::volume, 1, 1'000},
    {"gal", Measure::volume, 473'176'473, 125'000'000'000},  // 231 cubic inches.
    {"m3/h", Measure::flow},
    {"m3/s", Measure::flow, 3'600},
    {"l/h", Measure::flow, 1, 1'000},
    {"l/min", Measure::flow, 3, 50},
    {"l/s", Measure::flow, 18, 5},
    {"gal/min", Measure::flow, 1'419'529'419, 6'250'000'000},
    {"m/s", Measure::speed},
    {"km/h", Measure::speed, 5, 18},
    {"mph", Measure::speed, 1'397, 3'125},
    {"kn", Measure::speed, 463, 900},
    {"J", Measure::energy},
    {"kJ", Measure::energy, 1'000},
    {"MJ", Measure::energy, 1'000'000},
    {"Wh", Measure::energy, 3'600},
    {"kWh", Measure::energy, 3'600'000},
    {"MWh", Measure::energy, 3'600'000'000},
    {"W", Measure::power},
    {"kW", Measure::power, 1'000},
    {"MW", Measure::power, 1'000'000},
    {"hp", Measure::power, 745.69987158227022},  // 550 ft lbf/s, rounded.
    {"s", Measure::time},
    {"ns", Measure::time, 1, 1'000'000'000},
    {"us", Measure::time, 1, 1'000'000},
    {"ms", Measure::time, 1, 1'000},
    {"min", Measure::time, 60},
    {"h", Measure::time, 3'600},
    {"d", Measure::time, 86'400},
    {"deg", Measure::angle},
    {"rad", Measure::angle, 180, std::numbers::pi},
    {"turn", Measure::angle, 360},
    {"1", Measure::ratio},
    {"%", Measure::ratio, 1, 100},
    {"ppm", Measure::ratio, 1, 1'000'000},
    {"Hz", Measure::frequency},
    {"kHz", Measure::frequency, 1'000},
    {"rpm", Measure::frequency, 1, 60},
    {"V", Measure::voltage},
    {"mV", Measure::voltage, 1, 1'000},
    {"kV", Measure::voltage, 1'000},
    {"A", Measure::current},
    {"mA", Measure::current, 1, 1'000},
};

// Takes out what both have in common, of whole numbers.
void shorten_ratio(double& up, double& down) {
  double a = up, b = down;
  if (a != std::trunc(a) || b != std::trunc(b)) return;
  while (b != 0.0) {
    const double rest = std::fmod(a, b);
    a = b;
    b = rest;
  }
  up /= a;
  down /= a;
}

}  // namespace

std::span<const MeasureUnit> measure_units() { return kUnits; }

const MeasureUnit* find_unit(std::string_view name) {
  const auto at = std::ranges::find(kUnits, name, &MeasureUnit::name);
  return at == std::end(kUnits) ? nullptr : at;
}

std::optional<std::string_view> closest_unit(std::string_view name) {
  std::vector<std::string_view> names;
  for (const MeasureUnit& unit : kUnits) {
    if (equal_ignoring_case(unit.name, name)) return unit.name;
    names.push_back(unit.name);
  }
  return closest(name, names);
}

std::string units_like(const MeasureUnit& unit) {
  std::string text;
  for (const MeasureUnit& other : kUnits) {
    if (other.kind != unit.kind) continue;
    if (!text.empty()) text += ", ";
    text += other.name;
  }
  return text;
}

std::optional<UnitConversion> convert_unit(const MeasureUnit& from, const MeasureUnit& to) {
  if (from.kind != to.kind) return std::nullopt;
  double from_up = from.up, from_down = from.down, to_up = to.up, to_down = to.down;
  shorten_ratio(from_up, to_up);
  shorten_ratio(to_down, from_down);
  return UnitConversion{from.zero, from_up * to_down, from_down * to_up, to.zero};
}

}  // namespace pinaflux
