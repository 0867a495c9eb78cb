#include <doctest/doctest.h>

#include "tests/agent/config/nodes_kit.h"

namespace pinaflux {
namespace {

TEST_CASE_FIXTURE(NodesFixture, "nodes that give another form become what the pipeline takes") {
  const auto all = nodes(
      "  parsed: {from: machine, parse: {of: line, as: pairs, separator: \";\", equals: \":\",\n"
      "      prefix: line., keep: true, types: text, else: pass, fields_max: 256}}\n"
      "  values: {from: parsed, parse: {of: line, as: delimited, names: [a, b], separator: "
      "\"\\t\"}}\n"
      "  fast: {from: values, split: {of: a, as: v, every: 10ms, else: pass, records_max: 240,\n"
      "      fields_max: 255}}\n"
      "  metric: {from: fast, convert: {v: F to C, \"w\": \"% to 1\"}}\n"
      "  typed: {from: metric, cast: {v: float, n: int or keep, on: bool or drop, c: text}}\n"
      "  plain: {from: machine, parse: {of: line, as: json}}\n"
      "  pairs: {from: plain, parse: {of: line, as: pairs}}\n"
      "  few: {from: pairs, split: {of: a}}\n");
  const auto& parse = std::get<Parse>(all.at(0).kind);
  CHECK((parse.of == "line" && parse.as == Parse::As::pairs && parse.fields_max == 256));
  CHECK((parse.separator == ';' && parse.equals == ':' && parse.prefix == "line."));
  CHECK((parse.keep && parse.all_text && parse.pass));
  const auto& values = std::get<Parse>(all.at(1).kind);
  CHECK((values.as == Parse::As::delimited && values.separator == '\t'));
  CHECK(values.names == std::vector<std::string>{"a", "b"});
  const auto& split = std::get<SplitArray>(all.at(2).kind);
  CHECK((split.of == "a" && split.as == "v" && split.every == Duration::milliseconds(10)));
  CHECK((split.pass && split.records_max == 240 && split.fields_max == 255));
  const auto& convert = std::get<Convert>(all.at(3).kind);
  REQUIRE(convert.fields.size() == 2);
  CHECK((convert.fields[0].name == "v" && convert.fields[0].from == "F" &&
         convert.fields[0].to == "C"));
  CHECK((convert.fields[1].from == "%" && convert.fields[1].to == "1"));
  const auto& cast = std::get<TypeCast>(all.at(4).kind);
  REQUIRE(cast.fields.size() == 4);
  CHECK((cast.fields[0].name == "v" && cast.fields[0].to == FieldType::real));
  CHECK((cast.fields[0].otherwise == TypeCast::Otherwise::refuse));
  CHECK((cast.fields[1].to == FieldType::integer &&
         cast.fields[1].otherwise == TypeCast::Otherwise::keep));
  CHECK((cast.fields[2].to == FieldType::boolean &&
         cast.fields[2].otherwise == TypeCast::Otherwise::drop));
  CHECK(cast.fields[3].to == FieldType::text);
  const auto& json = std::get<Parse>(all.at(5).kind);
  CHECK((json.as == Parse::As::json && !json.keep && !json.all_text && !json.pass));
  CHECK((json.prefix.empty() && json.fields_max == Parse().fields_max));
  const auto& pairs = std::get<Parse>(all.at(6).kind);
  CHECK((pairs.separator == Parse().separator && pairs.equals == Parse().equals));
  const auto& few = std::get<SplitArray>(all.at(7).kind);
  CHECK((few.as.empty() && few.every == Duration{} && !few.pass));
  CHECK((few.records_max == SplitArray().records_max && few.fields_max == SplitArray().fields_max));
}

TEST_CASE_FIXTURE(NodesFixture, "schemas become what the pipeline takes") {
  const auto all = nodes(
      "  aside: {from: [machine, a.drifted], pass: }\n"
      "  a: {from: machine, schema: {fields: [{name: temp, type: float, unit: C, min: -40, max: "
      "1.5e2,\n"
      "      required: true}, {name: mode, type: text, one_of: [auto, \"\"]}, {name: gear, type: "
      "int,\n"
      "      one_of: [1, 2]}, {name: on, type: bool}, {name: raw, type: bytes, required: false}],\n"
      "      drift: quarantine, streams_max: 1024, fields_max: 4096}}\n"
      "  b: {from: machine, schema: {}}\n"
      "  c: {from: machine, schema: {drift: coerce}}\n"
      "  d: {from: machine, schema: {drift: reject}}\n");
  using Drift = SchemaCheck::Drift;
  const auto& schema = std::get<SchemaCheck>(all.at(1).kind);
  CHECK((schema.drift == Drift::quarantine && schema.streams_max == 1'024));
  CHECK(schema.fields_max == 4'096);
  REQUIRE(schema.fields.size() == 5);
  const SchemaCheck::Field& temp = schema.fields[0];
  CHECK((temp.name == "temp" && temp.type == FieldType::real && temp.unit == "C"));
  CHECK((temp.has_min && temp.min == -40 && temp.has_max && temp.max == 150 && temp.required));
  CHECK(schema.fields[1].one_of == std::vector<std::string>{"auto", ""});
  CHECK((!schema.fields[1].has_min && !schema.fields[1].has_max && !schema.fields[1].required));
  CHECK((schema.fields[2].type == FieldType::integer && schema.fields[2].one_of.size() == 2));
  CHECK(schema.fields[3].type == FieldType::boolean);
  CHECK((schema.fields[4].type == FieldType::bytes && !schema.fields[4].required));
  const auto& plain = std::get<SchemaCheck>(all.at(2).kind);
  CHECK((plain.fields.empty() && plain.drift == Drift::evolve));
  CHECK((plain.streams_max == SchemaCheck().streams_max &&
         plain.fields_max == SchemaCheck().fields_max));
  CHECK((std::get<SchemaCheck>(all.at(3).kind).drift == Drift::coerce));
  CHECK((std::get<SchemaCheck>(all.at(4).kind).drift == Drift::reject));
}

}  // namespace
}  // namespace pinaflux
