#include "agent/pipeline/parse.h"

#include <string>

#include <doctest/doctest.h>

#include "agent/pipeline/expression.h"
#include "tests/agent/pipeline/pipeline_kit.h"
#include "tests/kit/heap_calls.h"

namespace pinaflux {
namespace {

using Verdict = Pipeline::Verdict;
using As = Parse::As;

struct ParseFixture : PipelineFixture {
  // "a=int 1 b=text x": what the record of this text becomes, "nothing" where it goes nowhere, "refused: why".
  std::string parsed(std::string_view text) {
    return became(record("s", {{"n", Value::int64(7)}, {"line", Value::text(text)}}));
  }
  std::string became(const Record& record) {
    const std::size_t before = group.records[0].size();
    if (give(record) != Verdict::taken) {
      const auto said = pipeline->trouble();
      return std::string(reason_name(reason)) + ": " + (said ? said->what : "");
    }
    return group.records[0].size() == before ? "nothing" : spoken(group.records[0].back());
  }
  static std::string spoken(const Record& record) {
    std::string text;
    for (std::size_t i = 0; i < record.cells().size(); ++i) {
      const Value& value = record.cells()[i];
      if (value.type() == Type::absent) continue;
      text +=
          (text.empty() ? "" : " ") + record.shape().fields()[i] + "=" + type_name(value.type());
      if (value.is_view()) text += ":" + std::string(value.as_text());
      if (value.is_number() && value.type() != Type::uint64)
        text += ":" + format_double(value.to_double());
      if (value.type() == Type::uint64) text += ":" + std::to_string(value.as_uint64());
      if (value.type() == Type::boolean) text += value.as_boolean() ? ":true" : ":false";
    }
    return text;
  }
};

TEST_CASE_FIXTURE(ParseFixture, "pairs become typed fields behind those of the record") {
  make(NodeKind(Parse{.of = "line"}));
  CHECK(parsed("t=21.5 count=3  state=on\tid=007") ==
        "n=int64:7 t=float64:21.5 count=int64:3 state=text:on id=text:007");
  CHECK(parsed("t=1e3 n=8") == "n=int64:8 t=float64:1000");  // In its place.
  CHECK(parsed("big=18446744073709551615 text=-") ==
        "n=int64:7 big=uint64:18446744073709551615 text=text:-");
  CHECK(parsed(R"(msg="a b=c" say="a ""b""" none="" gone= z=1)") ==
        R"(n=int64:7 msg=text:a b=c say=text:a "b" none=text: z=int64:1)");
  CHECK(parsed("") == "n=int64:7");
  CHECK(group.records[0].back().shape().field_count() == 2);
  CHECK(parsed("a=1 b=2") == "n=int64:7 a=int64:1 b=int64:2");
  CHECK(parsed("a=1") == "n=int64:7 a=int64:1");
  CHECK(group.records[0].back().shape().field_count() == 3);
  CHECK(parsed("url=a=b") == "n=int64:7 url=text:a=b");
}

TEST_CASE_FIXTURE(ParseFixture,
                  "what is no pair refuses the record, with the field and the rule alone") {
  make(NodeKind(Parse{.of = "line", .fields_max = 2}));
  CHECK(parsed("a=1 hunter2") == "node_failed: field 'line': a piece of it is no pair");
  CHECK(parsed("=1") == "node_failed: field 'line': a name is empty, or has more than 512 bytes");
  CHECK(parsed("a=1 a=2") == "node_failed: field 'line': it holds a name twice");
  CHECK(parsed("a=1 b=2 c=3") == "node_failed: field 'line': it holds more fields than fields_max");
  CHECK(parsed(R"(a="1)") == "node_failed: field 'line': a quote is not closed");
  CHECK(parsed(R"(a=")") == "node_failed: field 'line': a quote is not closed");
  CHECK(parsed(R"(a="1"2)") == "node_failed: field 'line': something stands behind a closed quote");
  CHECK(became(record("s", {{"line", Value::int64(1)}})) ==
        "node_failed: field 'line': it is no text");
  CHECK(became(record("s", {{"x", Value::int64(1)}})) == "x=int64:1");
  CHECK(became(record("s", {{"line", Value::null()}})) == "line=null");
  CHECK(became(record("s", {{"line", Value::text("")}})) == "nothing");
}

TEST_CASE_FIXTURE(ParseFixture, "options: separators, prefix, texts, keep, pass") {
  make(NodeKind(Parse{.of = "line",
                      .separator = ';',
                      .equals = ':',
                      .prefix = "m.",
                      .keep = true,
                      .all_text = true,
                      .pass = true}));
  CHECK(parsed("a : 1; b: x y ;") == "n=int64:7 line=text:a : 1; b: x y ; m.a=text:1 m.b=text:x y");
  CHECK(parsed("hm") == "n=int64:7 line=text:hm");
}

TEST_CASE_FIXTURE(ParseFixture, "delimited values take their names, as many as there are") {
  make(NodeKind(
      Parse{.of = "line", .as = As::delimited, .separator = ',', .names = {"a", "b", "c"}}));
  CHECK(parsed("1, 2.5,x\r\n") == "n=int64:7 a=int64:1 b=float64:2.5 c=text:x");
  CHECK(parsed("1,2,\"x\"\r\n") == "n=int64:7 a=int64:1 b=int64:2 c=text:x");
  CHECK(parsed(R"(,"1, ""2""",)") == R"(n=int64:7 b=text:1, "2")");
  CHECK(parsed("1,2") == "node_failed: field 'line': it has fewer values than names");
  CHECK(parsed("1,2,3,4") == "node_failed: field 'line': it has more values than names");
  CHECK(parsed("") == "node_failed: field 'line': it has fewer values than names");
  CHECK(shapes.count() == 2);  // Empty values are absent: the shape is the same.
}

TEST_CASE_FIXTURE(ParseFixture, "a quote is closed by one that stands alone") {
  make(NodeKind(Parse{.of = "line", .separator = ';'}));
  for (const char* text : {R"(a=""")", R"(a="x"")", R"(a="x"";b=1)", R"(a=")"}) {
    CAPTURE(text);
    CHECK(parsed(text) == "node_failed: field 'line': a quote is not closed");
  }
  CHECK(parsed(R"(a="""";b="";c="""x""")") == R"(n=int64:7 a=text:" b=text: c=text:"x")");
}

TEST_CASE_FIXTURE(ParseFixture, "blanks separate values in quotes, too, and pairs at a tab") {
  make(NodeKind(Parse{.of = "line", .as = As::delimited, .separator = ' ', .names = {"a", "b"}}));
  CHECK(parsed(R"("x y" 2)") == "n=int64:7 a=text:x y b=int64:2");
  CHECK(parsed(R"("x" "")") == "n=int64:7 a=text:x b=text:");
  CHECK(parsed(R"("x"2)") == "node_failed: field 'line': something stands behind a closed quote");
  make(NodeKind(Parse{.of = "line"}));
  CHECK(parsed("a=\"x\"\tb=2 \t c=3") == "n=int64:7 a=text:x b=int64:2 c=int64:3");
  CHECK(parsed("hunter2\tb=1") == "node_failed: field 'line': a piece of it is no pair");
}

TEST_CASE_FIXTURE(ParseFixture, "a prefix is no name") {
  make(NodeKind(Parse{.of = "line", .prefix = "m."}));
  CHECK(parsed("=1") == "node_failed: field 'line': a name is empty, or has more than 512 bytes");
}

TEST_CASE_FIXTURE(ParseFixture, "tabs separate, too") {
  make(NodeKind(Parse{.of = "line", .as = As::delimited, .separator = '\t', .names = {"a", "b"}}));
  CHECK(parsed("1\t2") == "n=int64:7 a=int64:1 b=int64:2");
  CHECK(parsed("\t 2") == "n=int64:7 b=int64:2");
}

TEST_CASE_FIXTURE(ParseFixture, "JSON is flattened as a source would") {
  make(NodeKind(Parse{.of = "line", .as = As::json, .fields_max = 6}));
  CHECK(
      parsed(R"({"a":1,"b":{"c":2.5,"d":{"e":"x"}},"f":[1, {"g":2}],"h":true,"i":null})") ==
      R"(n=int64:7 a=int64:1 b.c=float64:2.5 b.d.e=text:x f=text:[1, {"g":2}] h=boolean:true i=null)");
  CHECK(parsed(R"({"\u00e4\n":"\ud83d\ude00\"\/","u":18446744073709551615})") ==
        "n=int64:7 \u00e4\n=text:\U0001f600\"/ u=uint64:18446744073709551615");
  CHECK(parsed(" {} ") == "n=int64:7");
  CHECK(parsed("[1,2]") == "n=int64:7 value=text:[1,2]");
  CHECK(parsed("-0.5") == "n=int64:7 value=float64:-0.5");
  CHECK(parsed(R"({"a":1,"a":2})") == "node_failed: field 'line': it holds a name twice");
  CHECK(parsed(R"({"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7})") ==
        "node_failed: field 'line': it holds more fields than fields_max");
  CHECK(parsed(std::string(17, '[') + std::string(17, ']')) ==
        "node_failed: field 'line': it is nested too deep");
}

TEST_CASE_FIXTURE(ParseFixture, "JSON is what SQLite takes for it") {
  make(NodeKind(Parse{.of = "line", .as = As::json}));
  const auto valid = Expression::compile("json_valid(line)");
  REQUIRE(valid.has_value());
  for (const char* text : {"",
                           " ",
                           "1",
                           "01",
                           "-",
                           "-0",
                           "+1",
                           ".5",
                           "5.",
                           "1e5",
                           "1e",
                           "1E+5",
                           "1e-",
                           "tru",
                           "true",
                           "true1",
                           "nul",
                           "\"a",
                           "\"a\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u00e4\"",
                           "\"\t\"",
                           "\"\xc3\xa4\"",
                           "\"\x7f\"",
                           "[",
                           "[]",
                           "[1",
                           "[1,",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "{",
                           "{}",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1",
                           "{\"a\":1,}",
                           "{\"a\":1 \"b\":2}",
                           "{a:1}",
                           "{'a':1}",
                           "{\"a\" : 1 , \"b\" : [ 1 , 2 ] }",
                           "{} {}",
                           "[1]]",
                           "NaN",
                           "Infinity",
                           "0x1",
                           "/**/1",
                           "\"\\",
                           "[\"\\\"]\"]",
                           "{\"a\":{\"b\":[{}]}}"}) {
    CAPTURE(text);
    const Record given = record("s", {{"line", Value::text(text)}});
    Expression copy = std::move(*Expression::compile("json_valid(line)"));
    const bool wanted = copy.evaluate(given)->as_int64() == 1;
    CHECK((became(given).find("node_failed") == std::string::npos) == wanted);
  }
  for (const char* half :
       {R"("\ud800")", R"("\udc00")", R"("\ud800\u0041")", R"("\ud800\ud800")"}) {
    CAPTURE(half);
    CHECK(parsed(half) == "node_failed: field 'line': it is no JSON");
  }
  CHECK(parsed("\"\xff\"") == "node_failed: field 'line': it is no JSON");
}

TEST_CASE_FIXTURE(ParseFixture, "the groups of a pattern become typed fields") {
  make(NodeKind(Parse{.of = "line",
                      .as = As::pattern,
                      .pattern = R"(^(?<level>\w+) t=(?<temp>-?\d+(\.\d+)?)(?: id=(?<id>\S*))?)"}));
  CHECK(parsed("WARN t=-3.5 id=007 x") ==
        "n=int64:7 level=text:WARN temp=float64:-3.5 id=text:007");
  CHECK(parsed("1 t=3") == "n=int64:7 level=int64:1 temp=int64:3");
  CHECK(parsed("x t=3 id=") == "n=int64:7 level=text:x temp=int64:3");
  CHECK(shapes.count() == 2);  // Groups without a value are absent: the shape is the same.
  CHECK(parsed("hunter2") == "node_failed: field 'line': the pattern does not match it");
  CHECK(parsed("") == "node_failed: field 'line': the pattern does not match it");
  CHECK(became(record("s", {{"line", Value::int64(1)}})) ==
        "node_failed: field 'line': it is no text");
  CHECK(became(record("s", {{"x", Value::int64(1)}})) == "x=int64:1");
}

TEST_CASE_FIXTURE(ParseFixture, "a pattern with prefix, texts, keep, pass") {
  make(NodeKind(Parse{.of = "line",
                      .as = As::pattern,
                      .pattern = "(?<a>[0-9 ]+)$",
                      .prefix = "m.",
                      .keep = true,
                      .all_text = true,
                      .pass = true}));
  CHECK(parsed("x 1") == "n=int64:7 line=text:x 1 m.a=text: 1");
  CHECK(parsed("hm") == "n=int64:7 line=text:hm");
}

TEST_CASE_FIXTURE(ParseFixture, "a pattern that takes too long with a text refuses the record") {
  make(NodeKind(Parse{.of = "line", .as = As::pattern, .pattern = "(?<a>(a?){250}b)"}));
  CHECK(parsed(std::string(2'000, 'a')) ==
        "node_failed: field 'line': the pattern takes too many steps with it");
  CHECK(parsed("xaab") == "n=int64:7 a=text:aab");
}

TEST_CASE("a pattern takes nothing from the heap once it is there") {
  RegexCaptures regex("^(?<level>\\w+) t=(?<temp>-?\\d+(\\.\\d+)?)(?<rest>( .*?)*)$");
  const std::string text = "WARN t=-3.5 and so on, and on";
  const std::uint64_t before = kit::heap_calls;
  for (int i = 0; i < 10; ++i) REQUIRE(regex.find(text) == RegexCaptures::Found::yes);
  CHECK(kit::heap_calls == before);
}

TEST_CASE_FIXTURE(ParseFixture,
                  "names that depend on data use up the node's shapes, and not the process's") {
  make(NodeKind(Parse{.of = "line"}));
  for (std::size_t i = 0; i <= MadeFields::kShapesMoreMax; ++i) {
    CHECK(parsed("f" + std::to_string(i) + "=1").starts_with("n=int64:7 f"));
  }
  CHECK(parsed("f1000=1") == "node_failed: it gives more than 256 lists of fields");
  CHECK(parsed("hm") == "node_failed: field 'line': a piece of it is no pair");
  CHECK(became(record("s", {{"line", Value::int64(1)}})) ==
        "node_failed: field 'line': it is no text");
  CHECK(parsed("f5=1") == "n=int64:7 f5=int64:1");
  CHECK(parsed("hm") == "node_failed: field 'line': a piece of it is no pair");
}

TEST_CASE_FIXTURE(ParseFixture,
                  "texts that have no place in the arena refuse the record, for its size") {
  const std::string quoted = "a=\"" + std::string(600, 'x') + "\"\"\"";
  const std::string escaped = "{\"a\":\"" + std::string(600, 'x') + "\\n\"}";
  for (const bool pass : {false, true}) {
    for (const Parse& options :
         {Parse{.of = "line", .pass = pass}, Parse{.of = "line", .as = As::json, .pass = pass}}) {
      const auto step = ParseStep::make(options, shapes);
      REQUIRE(step.has_value());
      Arena little(512);
      const std::string& text = options.as == As::json ? escaped : quoted;
      const StepFlow flow(**step, record("s", {{"line", Value::text(text)}}), little);
      CHECK(flow.emitted.empty());
      CHECK(flow.refused == Reason::too_large);
    }
  }
}

TEST_CASE_FIXTURE(ParseFixture, "texts of one record, and of the next, stay what they were") {
  make(NodeKind(Parse{.of = "line", .as = As::json}));
  CHECK(parsed(R"({"a":"\u0041","b":"\u0042","\u0063":"\u0043"})") ==
        "n=int64:7 a=text:A b=text:B c=text:C");
  CHECK(parsed(R"({"a":"\u0058","b":"\u0059","\u0063":"\u005a"})") ==
        "n=int64:7 a=text:X b=text:Y c=text:Z");
  CHECK(spoken(group.records[0][0]) == "n=int64:7 a=text:A b=text:B c=text:C");
}

TEST_CASE("a parse that makes no sense is none") {
  Shapes shapes;
  CHECK_FALSE(ParseStep::make({}, shapes).has_value());
  CHECK_FALSE(ParseStep::make({.of = "x", .as = As::delimited}, shapes).has_value());
  CHECK_FALSE(
      ParseStep::make({.of = "x", .as = As::delimited, .names = {"a", "a"}}, shapes).has_value());
  CHECK_FALSE(ParseStep::make({.of = "x", .separator = '='}, shapes).has_value());
  CHECK_FALSE(ParseStep::make({.of = "x", .separator = '"'}, shapes).has_value());
  CHECK_FALSE(ParseStep::make({.of = "x", .fields_max = 0}, shapes).has_value());
  for (const char* pattern : {"", "a", "(?<a>", "(?<a>x)(?<a>y)"}) {
    CAPTURE(pattern);
    CHECK_FALSE(
        ParseStep::make({.of = "x", .as = As::pattern, .pattern = pattern}, shapes).has_value());
  }
}

}  // namespace
}  // namespace pinaflux
