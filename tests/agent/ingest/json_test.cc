#include "agent/ingest/json.h"

#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include "tests/agent/ingest/fakes.h"

namespace pinaflux {
namespace {

struct JsonFixture {
  Shapes shapes;
  Intake intake{shapes};
  RecordBuilder builder{TimeField{}};
  JsonReader reader;

  JsonFixture() { intake.begin(0); }

  Built read(const std::string& text) {
    const fake::Padded padded(text);
    builder.begin(intake, "s");
    Built built = reader.read(padded, builder);
    if (built) built = builder.finish({});
    return built;
  }
  std::string text(const std::string& json) {
    const Built built = read(json);
    if (!built) return reason_name(built.error().reason);
    return fake::World::text_of(intake.records.back().row);
  }
};

TEST_CASE_FIXTURE(JsonFixture, "members become fields with their types") {
  CHECK(text(R"({"i":-5,"u":18446744073709551615,"f":1.5,"t":"x","b":true,"n":null})") ==
        "s{i=-5i,u=18446744073709551615u,f=1.5,t='x',b=true,n=null}");
}

TEST_CASE_FIXTURE(JsonFixture, "nested objects become dotted fields and empty ones none") {
  CHECK(text(R"({"a":{"b":1,"c":{"d":"x"},"e":{}},"f":2})") == "s{a.b=1i,a.c.d='x',f=2i}");
}

TEST_CASE_FIXTURE(JsonFixture, "an array is kept as its JSON text") {
  CHECK(text(R"({"a":[1, {"b":[2]},"x\n"] ,"c":1})") == R"(s{a='[1, {"b":[2]},"x\n"]',c=1i})");
  CHECK(text(R"({"a":[]})") == "s{a='[]'}");
}

TEST_CASE_FIXTURE(JsonFixture, "an array that is kept as text is checked to its last element") {
  for (const char* bad : {R"({"a":[1,]})", R"({"a":[1 2]})", R"({"a":[tru]})", R"({"a":["\x"]})",
                          R"({"a":[01]})", R"({"a":[{"b"}]})", R"({"a":[{1:2}]})", R"({"a":[})"}) {
    CAPTURE(bad);
    CHECK(text(bad) == "malformed");
  }
}

TEST_CASE_FIXTURE(JsonFixture, "bare values become the field value") {
  CHECK(text("23.5") == "s{value=23.5}");
  CHECK(text("\"online\"") == "s{value='online'}");
  CHECK(text("true") == "s{value=true}");
  CHECK(text("[1,2]") == "s{value='[1,2]'}");
}

TEST_CASE_FIXTURE(JsonFixture, "escapes in names and text are resolved") {
  CHECK(text(R"({"a\u0062":"\u00e9\n\"\\\ud83d\ude00"})") ==
        "s{ab='\xc3\xa9\n\"\\\xf0\x9f\x98\x80'}");
}

TEST_CASE_FIXTURE(JsonFixture, "integers beyond 64 bits are rounded to doubles") {
  REQUIRE(read(R"({"a":123456789012345678901234567890,"b":-9223372036854775809})"));
  const Row& row = intake.records.back().row;
  CHECK(row.values[0].as_float64() == 123456789012345678901234567890.0);
  CHECK(row.values[1].as_float64() == -9223372036854775809.0);
}

TEST_CASE_FIXTURE(JsonFixture, "numbers at the edges are exact") {
  REQUIRE(read(R"({"a":9223372036854775807,"b":-9223372036854775808,"c":5e-324,"d":-0.0})"));
  const Row& row = intake.records.back().row;
  CHECK(row.values[0].as_int64() == INT64_MAX);
  CHECK(row.values[1].as_int64() == INT64_MIN);
  CHECK(row.values[2].as_float64() == std::numeric_limits<double>::denorm_min());
  CHECK(std::signbit(row.values[3].as_float64()));
}

TEST_CASE_FIXTURE(JsonFixture, "what is not JSON is refused") {
  for (const char* bad : {"",
                          " ",
                          "{",
                          "}",
                          "{]",
                          "nope",
                          "{\"a\":1",
                          "{\"a\":1}}",
                          "{\"a\":1} {\"a\":2}",
                          "{\"a\"}",
                          "{\"a\":}",
                          "{\"a\":1,}",
                          "{,}",
                          "{\"a\" 1}",
                          "{a:1}",
                          "{'a':1}",
                          "{\"a\":1e999}",
                          "{\"a\":+1}",
                          "{\"a\":.5}",
                          "{\"a\":0x10}",
                          "{\"a\":NaN}",
                          "{\"a\":nul}",
                          "{\"a\":\"\n\"}",
                          "{\"a\":\"\\ud800\"}",
                          "{\"a\":\"x}",
                          "\"",
                          "{\"a\":1}x",
                          "{}",
                          "{\"a\":{}}"}) {
    CAPTURE(bad);
    CHECK(text(bad) == "malformed");
  }
  CHECK(intake.records.empty());
}

TEST_CASE_FIXTURE(JsonFixture, "invalid UTF-8 is refused") {
  CHECK(text("{\"a\":\"\xff\"}") == "malformed");
  CHECK(text("{\"\xc0\x80\":1}") == "malformed");
  CHECK(text("{\"a\":[\"\xed\xa0\x80\"]}") == "malformed");
}

TEST_CASE_FIXTURE(JsonFixture, "nesting beyond the limit is refused") {
  std::string deep = "1";
  for (std::size_t i = 0; i < limits::kNestingMax; ++i) deep = "{\"a\":" + deep + "}";
  CHECK(read(deep).has_value());
  CHECK(text("{\"a\":" + deep + "}") == "too_deep");
  CHECK(text("{\"a\":" + std::string(30'000, '[') + std::string(30'000, ']') + "}") == "too_deep");
  CHECK(text(std::string(60'000, '[')) != "");
}

TEST_CASE_FIXTURE(JsonFixture, "a repeated field is refused however it is spelled") {
  CHECK(text(R"({"a":1,"a":2})") == "duplicate_field");
  CHECK(text(R"({"a":1,"\u0061":2})") == "duplicate_field");
  CHECK(text(R"({"a.b":1,"a":{"b":2}})") == "duplicate_field");
  REQUIRE(read(R"({"a":1,"b":2})"));
  CHECK(text(R"({"a":1,"b":2,"a":3})") == "duplicate_field");
}

TEST_CASE_FIXTURE(JsonFixture, "a name beyond the limit and too many fields are refused") {
  CHECK(text("{\"" + std::string(513, 'n') + "\":1}") == "too_large");
  CHECK(text("{\"" + std::string(300, 'n') + "\":{\"" + std::string(300, 'n') + "\":1}}") ==
        "too_large");
  std::string many = "{";
  for (int i = 0; i <= 10'000; ++i) many += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":1";
  CHECK(text(many + "}") == "too_many_fields");
}

TEST_CASE("elements of an array are found by structure alone") {
  JsonElements elements(R"([{"a":"]},\""}, [1,2] ,3, {]])");
  std::string_view e;
  CHECK(elements.next(e) == JsonElements::Next::element);
  CHECK(e == R"({"a":"]},\""})");
  CHECK(elements.next(e) == JsonElements::Next::element);
  CHECK(e == "[1,2]");
  CHECK(elements.next(e) == JsonElements::Next::element);
  CHECK(e == "3");
  CHECK(elements.next(e) == JsonElements::Next::element);
  CHECK(e == "{]");
  CHECK(elements.next(e) == JsonElements::Next::end);
}

TEST_CASE("a broken array says so") {
  for (const char* bad : {"[", "[1", "[1,", "[1,]", "[,1]", "[\"a", "[1]x", "[{]"}) {
    CAPTURE(bad);
    JsonElements elements(bad);
    std::string_view e;
    JsonElements::Next next;
    int steps = 0;
    while ((next = elements.next(e)) == JsonElements::Next::element && ++steps < 10) {
    }
    CHECK(next == JsonElements::Next::broken);
  }
  JsonElements none("[ ]");
  std::string_view e;
  CHECK(none.next(e) == JsonElements::Next::end);
}

}  // namespace
}  // namespace pinaflux
