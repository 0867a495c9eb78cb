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

enum Kind : std::uint8_t {
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

constexpr MeasureUnit kUnits[] = {
    {"C", temperature},
    {"F", temperature, 5, 9, 32},
    {"K", temperature, 1, 1, 273.15},
    {"Pa", pressure},
    {"hPa", pressure, 100},
    {"kPa", pressure, 1'000},
    {"MPa", pressure, 1'000'000},
    {"mbar", pressure, 100},
    {"bar", pressure, 100'000},
    {"atm", pressure, 101'325},
    {"psi", pressure, 44'482'216'152'605, 6'451'600'000},  // lb x 9.80665 m/s2, by in^2.
    {"m", length},
    {"mm", length, 1, 1'000},
    {"cm", length, 1, 100},
    {"km", length, 1'000},
    {"in", length, 127, 5'000},
    {"ft", length, 381, 1'250},
    {"yd", length, 1'143, 1'250},
    {"mi", length, 201'168, 125},
    {"kg", mass},
    {"mg", mass, 1, 1'000'000},
    {"g", mass, 1, 1'000},
    {"t", mass, 1'000},
    {"lb", mass, 45'359'237, 100'000'000},
    {"oz", mass, 45'359'237, 1'600'000'000},
    {"m3", volume},
    {"ml", volume, 1, 1'000'000},
    {"l", volume, 1, 1'000},
    {"gal", volume, 473'176'473, 125'000'000'000},  // 231 cubic inches.
    {"m3/h", flow},
    {"m3/s", flow, 3'600},
    {"l/h", flow, 1, 1'000},
    {"l/min", flow, 3, 50},
    {"l/s", flow, 18, 5},
    {"gal/min", flow, 1'419'529'419, 6'250'000'000},
    {"m/s", speed},
    {"km/h", speed, 5, 18},
    {"mph", speed, 1'397, 3'125},
    {"kn", speed, 463, 900},
    {"J", energy},
    {"kJ", energy, 1'000},
    {"MJ", energy, 1'000'000},
    {"Wh", energy, 3'600},
    {"kWh", energy, 3'600'000},
    {"MWh", energy, 3'600'000'000},
    {"W", power},
    {"kW", power, 1'000},
    {"MW", power, 1'000'000},
    {"hp", power, 745.69987158227022},  // 550 ft lbf/s, rounded.
    {"s", time},
    {"ns", time, 1, 1'000'000'000},
    {"us", time, 1, 1'000'000},
    {"ms", time, 1, 1'000},
    {"min", time, 60},
    {"h", time, 3'600},
    {"d", time, 86'400},
    {"deg", angle},
    {"rad", angle, 180, std::numbers::pi},
    {"turn", angle, 360},
    {"1", ratio},
    {"%", ratio, 1, 100},
    {"ppm", ratio, 1, 1'000'000},
    {"Hz", frequency},
    {"kHz", frequency, 1'000},
    {"rpm", frequency, 1, 60},
    {"V", voltage},
    {"mV", voltage, 1, 1'000},
    {"kV", voltage, 1'000},
    {"A", current},
    {"mA", current, 1, 1'000},
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
