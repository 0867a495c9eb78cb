#include "agent/pipeline/convert.h"

#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {
namespace {

using Verdict = Pipeline::Verdict;

struct ConvertFixture : PipelineFixture {
  Value cell(std::size_t i) const { return group.records[0].back().cells()[i]; }
  std::string trouble() const {
    const auto said = pipeline->trouble();
    return said ? said->what : "";
  }
};

double converted(double number, std::string_view from, std::string_view to) {
  const MeasureUnit *a = find_unit(from), *b = find_unit(to);
  REQUIRE((a != nullptr && b != nullptr));
  const auto conversion = convert_unit(*a, *b);
  REQUIRE(conversion.has_value());
  return (*conversion)(number);
}

TEST_CASE("conversions give what the definitions say, to the last digit where they are decimal") {
  CHECK(converted(212, "F", "C") == 100);
  CHECK(converted(-40, "C", "F") == -40);
  CHECK(converted(0, "C", "K") == 273.15);
  CHECK(converted(0, "K", "C") == -273.15);
  CHECK(converted(32, "F", "K") == 273.15);
  CHECK(converted(1013.25, "mbar", "bar") == 1.01325);
  CHECK(converted(1013.25, "hPa", "mbar") == 1013.25);
  CHECK(converted(1, "atm", "Pa") == 101'325);
  CHECK(converted(1, "psi", "Pa") == doctest::Approx(6894.757293168361).epsilon(1e-15));
  CHECK(converted(1, "in", "mm") == 25.4);
  CHECK(converted(1, "mi", "km") == 1.609344);
  CHECK(converted(3, "ft", "yd") == 1);
  CHECK(converted(16, "oz", "lb") == 1);
  CHECK(converted(1, "lb", "kg") == 0.45359237);
  CHECK(converted(1, "gal", "l") == 3.785411784);
  CHECK(converted(1, "gal/min", "l/min") == 3.785411784);
  CHECK(converted(1'000, "l/min", "m3/h") == 60);
  CHECK(converted(1, "m3/s", "l/s") == 1'000);
  CHECK(converted(36, "km/h", "m/s") == 10);
  CHECK(converted(1, "mph", "km/h") == 1.609344);
  CHECK(converted(1, "kn", "km/h") == 1.852);
  CHECK(converted(1, "kWh", "MJ") == 3.6);
  CHECK(converted(1, "hp", "W") == 745.69987158227022);
  CHECK(converted(90, "min", "h") == 1.5);
  CHECK(converted(1, "turn", "deg") == 360);
  CHECK(converted(180, "deg", "rad") == doctest::Approx(3.141592653589793).epsilon(1e-15));
  CHECK(converted(12.5, "%", "1") == 0.125);
  CHECK(converted(3'000, "rpm", "Hz") == 50);
  CHECK(converted(230'000, "mV", "V") == 230);
  CHECK(converted(20, "mA", "A") == 0.02);
}

TEST_CASE("each pair of units of a kind leads back, by whole factors of a double") {
  std::size_t pairs = 0;
  for (const MeasureUnit& from : measure_units()) {
    for (const MeasureUnit& to : measure_units()) {
      CAPTURE(std::string(from.name));
      CAPTURE(std::string(to.name));
      const auto there = convert_unit(from, to), back = convert_unit(to, from);
      CHECK(there.has_value() == (from.kind == to.kind));
      if (!there || &from == &to) continue;
      ++pairs;
      CHECK(std::abs((*back)((*there)(21.5))-21.5) < 1e-11);
      const bool rounded =
          from.name == "hp" || to.name == "hp" || from.name == "rad" || to.name == "rad";
      for (const double factor : {there->up, there->down}) {
        CHECK((rounded || (factor == std::trunc(factor) && factor < 0x1p53)));
      }
    }
  }
  CHECK(pairs > 200);
}

TEST_CASE("what units have in common is taken out, so that a factor of 2 rounds nothing") {
  for (int i = 1; i < 100; ++i) {
    const double number = i / 7.0;
    CAPTURE(number);
    CHECK(converted(number, "oz", "lb") == number / 16);
    CHECK(converted(number, "lb", "oz") == number * 16);
    CHECK(converted(number, "mbar", "hPa") == number);
  }
}

TEST_CASE("names of units are told apart by their letters, and suggested by their likeness") {
  CHECK(find_unit("c") == nullptr);
  CHECK(find_unit("") == nullptr);
  CHECK(closest_unit("kpa") == "kPa");
  CHECK(closest_unit("PSI") == "psi");
  CHECK(closest_unit("l/minn") == "l/min");
  CHECK_FALSE(closest_unit("furlong").has_value());
  CHECK(units_like(*find_unit("K")) == "C, F, K");
}

TEST_CASE_FIXTURE(ConvertFixture,
                  "numbers get the other unit in their place; what is absent or null stays") {
  make(NodeKind(Convert{{{"t", "F", "C"}, {"p", "mbar", "bar"}}}));
  CHECK(give(record(
            "s", {{"p", Value::int64(1'500)}, {"x", Value::text("a")}, {"t", Value::float64(50)}},
            at(7))) == Verdict::taken);
  CHECK(identical(cell(0), Value::float64(1.5)));
  CHECK(cell(1).as_text() == "a");
  CHECK(identical(cell(2), Value::float64(10)));
  CHECK(group.records[0].back().time() == at(7));
  CHECK(give(record("s", {{"t", Value::null()}})) == Verdict::taken);
  CHECK(cell(0).type() == Type::null);
  CHECK(give(record("other", {{"y", Value::int64(1)}})) == Verdict::taken);
  CHECK(identical(cell(0), Value::int64(1)));
  CHECK(give(record("s", {{"t", Value::float64(std::nan(""))}})) == Verdict::taken);
  CHECK(std::isnan(cell(0).as_float64()));
}

TEST_CASE_FIXTURE(ConvertFixture,
                  "what is no number is refused, with the field and the rule alone") {
  make(NodeKind(Convert{{{"t", "F", "C"}, {"e", "MWh", "J"}}}));
  CHECK(give(record("s", {{"t", Value::text("hunter2")}})) == Verdict::refused);
  CHECK(reason == Reason::node_failed);
  CHECK(trouble() == "field 't': it is no number, so it has no unit");
  CHECK(give(record("s", {{"e", Value::float64(std::numeric_limits<double>::max())}})) ==
        Verdict::refused);
  CHECK(trouble() == "field 'e': no double is as large as this then");
  CHECK(give(record("s", {{"e", Value::float64(std::numeric_limits<double>::infinity())}})) ==
        Verdict::taken);
  CHECK(give(record("s", {{"t", Value::boolean(true)}})) == Verdict::refused);
}

TEST_CASE("a conversion that makes no sense is none") {
  CHECK_FALSE(ConvertStep::make({}).has_value());
  CHECK_FALSE(ConvertStep::make({{{"t", "F", "bar"}}}).has_value());
  CHECK_FALSE(ConvertStep::make({{{"t", "F", "D"}}}).has_value());
  CHECK_FALSE(ConvertStep::make({{{"", "F", "C"}}}).has_value());
  CHECK_FALSE(ConvertStep::make({{{"t", "F", "C"}, {"t", "F", "K"}}}).has_value());
}

}  // namespace
}  // namespace pinaflux
