#include "agent/pipeline/cast.h"

#include <cmath>
#include <limits>
#include <optional>

#include <doctest/doctest.h>

#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {
namespace {

using Verdict = Pipeline::Verdict;
using Otherwise = TypeCast::Otherwise;

struct CastFixture : PipelineFixture {
  // Nothing where the record is refused.
  std::optional<Value> as(FieldType to, Value value) {
    make(NodeKind(TypeCast{{{"x", to}}}));
    if (give(record("s", {{"x", value}})) != Verdict::taken) return {};
    return group.records[0].back().cells()[0];
  }
  bool becomes(FieldType to, Value value, Value wanted) {
    const auto made = as(to, value);
    return made && identical(*made, wanted);
  }
};

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST_CASE_FIXTURE(CastFixture,
                  "what has an equal of the type becomes that, and nothing else does") {
  SUBCASE("float") {
    CHECK(becomes(FieldType::real, Value::int64(-5), Value::float64(-5)));
    CHECK(becomes(FieldType::real, Value::boolean(true), Value::float64(1)));
    CHECK(becomes(FieldType::real, Value::text("21.5e1"), Value::float64(215)));
    CHECK(becomes(FieldType::real, Value::float64(kInfinity), Value::float64(kInfinity)));
    CHECK_FALSE(as(FieldType::real, Value::int64((1ll << 53) + 1)));
    CHECK_FALSE(as(FieldType::real, Value::uint64(UINT64_MAX)));
    for (const char* text : {"", " 1", "1 ", "+1", "0x1", "nan", "1,5", "1e999", "007", "off"}) {
      CAPTURE(text);
      CHECK_FALSE(as(FieldType::real, Value::text(text)));
    }
  }
  SUBCASE("int") {
    CHECK(becomes(FieldType::integer, Value::float64(-5), Value::int64(-5)));
    CHECK(becomes(FieldType::integer, Value::boolean(false), Value::int64(0)));
    CHECK(
        becomes(FieldType::integer, Value::text("-9223372036854775808"), Value::int64(INT64_MIN)));
    CHECK(becomes(FieldType::integer, Value::text("18446744073709551615"),
                  Value::uint64(UINT64_MAX)));
    CHECK(becomes(FieldType::integer, Value::uint64(UINT64_MAX), Value::uint64(UINT64_MAX)));
    for (const double real : {0.5, 1e300, kInfinity, std::nan("")})
      CHECK_FALSE(as(FieldType::integer, Value::float64(real)));
    for (const char* text : {"", "5.5", "18446744073709551616", "five", "007", "on", "true"}) {
      CAPTURE(text);
      CHECK_FALSE(as(FieldType::integer, Value::text(text)));
    }
  }
  SUBCASE("bool") {
    CHECK(becomes(FieldType::boolean, Value::int64(1), Value::boolean(true)));
    CHECK(becomes(FieldType::boolean, Value::float64(0), Value::boolean(false)));
    for (const char* text : {"true", "ON", "1", "True"})
      CHECK(becomes(FieldType::boolean, Value::text(text), Value::boolean(true)));
    for (const char* text : {"false", "off", "0"})
      CHECK(becomes(FieldType::boolean, Value::text(text), Value::boolean(false)));
    CHECK_FALSE(as(FieldType::boolean, Value::int64(2)));
    CHECK_FALSE(as(FieldType::boolean, Value::text("")));
    CHECK_FALSE(as(FieldType::boolean, Value::text("yes please")));
    CHECK_FALSE(as(FieldType::boolean, Value::float64(std::nan(""))));
  }
  SUBCASE("text") {
    CHECK(becomes(FieldType::text, Value::int64(-5), Value::text("-5")));
    CHECK(becomes(FieldType::text, Value::float64(0.1), Value::text("0.1")));
    CHECK(becomes(FieldType::text, Value::boolean(true), Value::text("true")));
    CHECK(becomes(FieldType::text, Value::uint64(UINT64_MAX), Value::text("18446744073709551615")));
    CHECK(becomes(FieldType::text, Value::bytes(as_bytes("a\xc3\xa4")), Value::text("a\xc3\xa4")));
    CHECK_FALSE(as(FieldType::text, Value::bytes(as_bytes("\xff"))));
    CHECK_FALSE(as(FieldType::text, Value::float64(std::nan(""))));
  }
}

TEST_CASE_FIXTURE(
    CastFixture,
    "a value without an equal refuses its record, stays, or is left out, as its field says") {
  make(NodeKind(TypeCast{{{"a", FieldType::integer, Otherwise::keep},
                          {"b", FieldType::integer, Otherwise::drop},
                          {"c", FieldType::integer}}}));
  const auto given = [&](const char* c) {
    return give(
        record("s", {{"c", Value::text(c)}, {"b", Value::text("x")}, {"a", Value::text("y")}}));
  };
  CHECK(given("7") == Verdict::taken);
  const auto cells = group.records[0].back().cells();
  CHECK(identical(cells[0], Value::int64(7)));
  CHECK(cells[1].type() == Type::absent);
  CHECK(cells[2].as_text() == "y");
  CHECK(given("hunter2") == Verdict::refused);
  CHECK(reason == Reason::node_failed);
  CHECK(pipeline->trouble()->what ==
        "field 'c': of type text, and not exactly the same as any int");
  CHECK(give(record("s", {{"c", Value::null()}})) == Verdict::taken);
}

TEST_CASE_FIXTURE(CastFixture, "texts that are made outlive the next record") {
  make(NodeKind(TypeCast{{{"x", FieldType::text}, {"y", FieldType::text}}}));
  for (const int i : {1, 2}) {
    CHECK(give(record("s", {{"x", Value::int64(i)}, {"y", Value::int64(10 * i)}})) ==
          Verdict::taken);
  }
  CHECK(group.records[0][0].cells()[0].as_text() == "1");
  CHECK(group.records[0][0].cells()[1].as_text() == "10");
  CHECK(group.records[0][1].cells()[0].as_text() == "2");
}

TEST_CASE_FIXTURE(CastFixture, "every float is again what it was, by way of its text") {
  for (const double real :
       {5e-324, 2.2250738585072009e-308, 2.2250738585072014e-308, 0.1, -0.0, 9007199254740993.0,
        1.7976931348623157e308, 1e23, 123456789012345680.0}) {
    const auto text = as(FieldType::text, Value::float64(real));
    REQUIRE(text.has_value());
    CAPTURE(text->as_text());
    CHECK(becomes(FieldType::real, *text, Value::float64(real)));
  }
  for (const char* text : {"4e-324", "1.0000000000000001", "123456789e-330"}) {
    CAPTURE(text);
    CHECK_FALSE(as(FieldType::real, Value::text(text)));
  }
  for (const char* text : {".5", "5.", "-.5", "5.e3", "."}) {  // No JSON.
    CAPTURE(text);
    CHECK_FALSE(as(FieldType::real, Value::text(text)));
    CHECK_FALSE(as(FieldType::integer, Value::text(text)));
  }
}

TEST_CASE_FIXTURE(CastFixture, "integers and floats meet at 2^53, and no further") {
  constexpr std::int64_t kMost = std::int64_t{1} << 53;
  CHECK(becomes(FieldType::real, Value::int64(kMost), Value::float64(0x1p53)));
  CHECK(becomes(FieldType::real, Value::int64(-kMost), Value::float64(-0x1p53)));
  CHECK_FALSE(as(FieldType::real, Value::int64(-kMost - 1)));
  CHECK_FALSE(as(FieldType::real, Value::int64(INT64_MIN)));
  CHECK(becomes(FieldType::integer, Value::float64(0x1p53), Value::int64(kMost)));
  CHECK(becomes(FieldType::integer, Value::float64(-0x1p53), Value::int64(-kMost)));
  for (const double real : {0x1p53 + 2, 0x1p63, -0x1p63, 0x1p64, -0.0})
    CHECK_FALSE(as(FieldType::integer, Value::float64(real)));
  for (const char* text : {"-0", "-0.0", "1e16", "-9223372036854775809", "9007199254740993.0"})
    CHECK_FALSE(as(FieldType::integer, Value::text(text)));
  CHECK(becomes(FieldType::integer, Value::text("9223372036854775808"),
                Value::uint64(std::uint64_t{1} << 63)));
  CHECK_FALSE(as(FieldType::boolean, Value::float64(-0.0)));
  CHECK_FALSE(as(FieldType::boolean, Value::uint64(UINT64_MAX)));
}

TEST_CASE_FIXTURE(CastFixture, "a record of which nothing is left goes nowhere") {
  make(NodeKind(TypeCast{{{"x", FieldType::integer, Otherwise::drop}}}));
  CHECK_FALSE(keeps(record("s", {{"x", Value::text("n/a")}})));
  CHECK(keeps(record("s", {{"x", Value::text("n/a")}, {"y", Value::null()}})));
}

TEST_CASE("a cast of nothing, or of a field twice, is none") {
  CHECK_FALSE(CastStep::make({}).has_value());
  CHECK_FALSE(CastStep::make({{{"", FieldType::text}}}).has_value());
  CHECK_FALSE(CastStep::make({{{"a", FieldType::text}, {"a", FieldType::real}}}).has_value());
}

}  // namespace
}  // namespace pinaflux
