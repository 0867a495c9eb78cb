#include "agent/pipeline/expression.h"

#include <limits>
#include <string>

#include <doctest/doctest.h>

#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {
namespace {

struct ExpressionFixture : RecordFixture {
  std::string of(std::string_view text, const Cells& cells = {}, Stamp time = at(5)) {
    auto made = Expression::compile(text);
    if (!made) return "at " + std::to_string(made.error().at) + ": " + made.error().what;
    const auto value = made->evaluate(record("plant/press", cells, time));
    return value ? spoken(*value) : "no value";
  }
  static std::string spoken(const Value& value) {
    switch (value.type()) {
      case Type::int64: return std::to_string(value.as_int64());
      case Type::float64: return "f " + std::to_string(value.as_float64());
      case Type::text: return "'" + std::string(value.as_text()) + "'";
      case Type::bytes: return "bytes " + std::to_string(value.as_bytes().size());
      case Type::null: return "null";
      default: return "?";
    }
  }
  bool holds(std::string_view text, const Cells& cells = {}) {
    auto made = Expression::compile(text);
    REQUIRE(made.has_value());
    return made->holds(record("s", cells));
  }
};

TEST_CASE_FIXTURE(ExpressionFixture, "arithmetic on fields") {
  CHECK(of("t * 1.8 + 32", {{"t", Value::int64(100)}}) == "f 212.000000");
  CHECK(of("motor.temp-motor.base",
           {{"motor.temp", Value::int64(7)}, {"motor.base", Value::int64(9)}}) == "-2");
  CHECK(of("\"flow rate\"/\"a\"\"b\"",
           {{"flow rate", Value::float64(3)}, {"a\"b", Value::int64(2)}}) == "f 1.500000");
  CHECK(of("temp+key+\"order\"",
           {{"temp", Value::int64(1)}, {"key", Value::int64(2)}, {"order", Value::int64(4)}}) ==
        "7");
  CHECK(of("max(a, b, 3) % 5", {{"a", Value::int64(13)}, {"b", Value::int64(2)}}) == "3");
  CHECK(of("a + a * a", {{"a", Value::int64(3)}}) == "12");
  CHECK(of("1e3 + .5 + 0x10 + 1E-1") == "f 1016.600000");
  CHECK(of("größe * 2", {{"größe", Value::int64(4)}}) == "8");
}

TEST_CASE_FIXTURE(ExpressionFixture, "text, conditions and what is missing") {
  CHECK(of("upper(state) || ' x'", {{"state", Value::text("run")}}) == "'RUN x'");
  CHECK(of("CASE WHEN a > 5 THEN 'high' ELSE 'it''s low' END", {{"a", Value::int64(4)}}) ==
        "'it's low'");
  CHECK(of("coalesce(b, -1)") == "-1");
  CHECK(of("b + 1") == "null");
  CHECK(of("a / 0", {{"a", Value::int64(4)}}) == "null");
  CHECK(of("CAST(a AS TEXT) || typeof(a)", {{"a", Value::int64(4)}}) == "'4integer'");
  CHECK(of("a = 'X' COLLATE NOCASE", {{"a", Value::text("x")}}) == "1");
  CHECK(of("json_extract(a, '$.b[1]')", {{"a", Value::text("{\"b\":[1,22]}")}}) == "22");
  CHECK(holds("a BETWEEN 1 AND 3 AND s LIKE 'r%'",
              {{"a", Value::int64(2)}, {"s", Value::text("run")}}));
  CHECK(holds("a IS NOT NULL", {{"a", Value::boolean(false)}}));
  CHECK(holds("0.5"));
  CHECK_FALSE(holds("b > 1"));
  CHECK_FALSE(holds("NOT b"));
  CHECK(holds("b IS NULL"));
  CHECK(holds("a IN (1, 2, TRUE)", {{"a", Value::boolean(true)}}));
}

TEST_CASE_FIXTURE(ExpressionFixture, "values come through as they are") {
  const auto big = std::numeric_limits<std::uint64_t>::max();
  CHECK(of("a", {{"a", Value::int64(std::numeric_limits<std::int64_t>::min())}}) ==
        "-9223372036854775808");
  CHECK(of("a", {{"a", Value::uint64(9'007'199'254'740'993)}}) == "9007199254740993");
  CHECK(of("a", {{"a", Value::uint64(big)}}) == "f 18446744073709551616.000000");
  CHECK(of("a", {{"a", Value::float64(std::numeric_limits<double>::quiet_NaN())}}) == "null");
  CHECK(of("a", {{"a", Value::text("")}}) == "''");
  CHECK(of("a", {{"a", Value::bytes({})}}) == "bytes 0");
  CHECK(of("length(a)", {{"a", Value::text(std::string_view("a\0b", 3))}}) == "1");
  CHECK(of("_stream") == "'plant/press'");
  CHECK(of("_time / 1000000000") == "5");
  CHECK(of("_time", {}, at(5, 77)) == "null");
}

TEST_CASE_FIXTURE(ExpressionFixture, "where a record has no value") {
  CHECK(of("abs(a)", {{"a", Value::int64(std::numeric_limits<std::int64_t>::min())}}) ==
        "no value");
  CHECK(of("replace(a, 'a', a)", {{"a", Value::text(std::string(1000, 'a'))}}) == "no value");
  auto made = Expression::compile("abs(a)");
  REQUIRE(made.has_value());
  CHECK_FALSE(
      made->evaluate(record("s", {{"a", Value::int64(std::numeric_limits<std::int64_t>::min())}}))
          .has_value());
  CHECK(made->evaluate(record("s", {{"a", Value::int64(-3)}}))->as_int64() == 3);
}

TEST_CASE_FIXTURE(ExpressionFixture, "what is no expression, and where") {
  const auto wrong = [&](std::string_view text) { return of(text); };
  CHECK(wrong("") == "at 0: the expression is incomplete");
  CHECK(wrong("a +") == "at 3: the expression is incomplete");
  CHECK(wrong("a b") == "at 2: near 'b': syntax error");
  CHECK(wrong("(a + 1") == "at 6: a parenthesis is not closed");
  CHECK(wrong("1), (2") == "at 0: this is not one expression");
  CHECK(wrong("1) + (2").starts_with("at 0: this is not one expression"));
  CHECK(wrong("a, b") == "at 0: this is not one expression");
  CHECK(wrong("temp > 'hot") == "at 7: the text has no end: close it with '");
  CHECK(wrong("\"temp > 3").starts_with("at 0: the field's name has no end"));
  CHECK(wrong("1; DROP TABLE x") == "at 1: this does not belong into an expression: ;");
  CHECK(wrong("a -- b") == "at 2: an expression has no comments");
  CHECK(wrong("?1 + 2") == "at 0: this does not belong into an expression: ?");
  CHECK(wrong("3 + wurzel(a)") == "at 4: there is no function 'wurzel' here");
  CHECK(wrong("substr(a)") == "at 0: wrong number of arguments to function substr()");
  CHECK(wrong("(SELECT 1)").ends_with("it has no subqueries and no tables"));
  CHECK(wrong("a IN (SELECT 1)").ends_with("it has no subqueries and no tables"));
  CHECK(wrong("EXISTS (SELECT name FROM sqlite_schema)").starts_with("at "));
  for (const char* name :
       {"random()", "load_extension('x')", "zeroblob(9)", "randomblob(3)", "datetime('now')",
        "readfile('x')", "sum(a)", "last_insert_rowid()", "printf('%9999d', 1)", "fts5(1)"}) {
    CHECK(wrong(name).contains("there is no function"));
  }
  CHECK(wrong(std::string(5000, '1')) == "at 0: the expression is longer than 4096 bytes");
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "-(";
  CHECK(wrong(deep + "1" + std::string(200, ')')).starts_with("at 0"));
  std::string many = "f0";
  for (int i = 1; i <= 100; ++i) many += "+f" + std::to_string(i);
  CHECK(wrong(many).contains("more than 100 fields"));
}

}  // namespace
}  // namespace pinaflux
