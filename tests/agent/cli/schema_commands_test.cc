#include "agent/cli/schema_commands.h"

#include <doctest/doctest.h>

namespace pinaflux {
namespace {
using Kind = StreamSchema::Item::Kind;

std::vector<NodeSchema> kitchen() {
  StreamSchema schema{.stream = "zigbee/kitchen"};
  const auto add = [&](const char* name, FieldType type) {
    schema.fields.push_back({.name = name, .type = type, .since = schema.version + 1});
  };
  std::vector<StreamSchema::Item> none;
  add("temp", FieldType::real);
  schema.fields[0].declared = true;
  schema.fields[0].unit = "C";
  add("n", FieldType::integer);
  schema.change(none, {1'700'000'000'000'000'000, 0});
  add("temp_text", FieldType::text);
  schema.fields[1].optional = true;
  schema.fields[1].type = FieldType::real;
  std::vector<StreamSchema::Item> items{{Kind::missing, 1},
                                        {Kind::retyped, 1, FieldType::integer, FieldType::real}};
  schema.change(items, {5, 7});
  return {{"checked", schema}};
}

// The contract "pinaflux.schema/1": it changes by addition only.
TEST_CASE("schemas as JSON are the golden lines") {
  CHECK(schemas_json(kitchen(), SchemaView::list) ==
        R"({"schema":"pinaflux.schema/1","streams":[{"stream":"zigbee/kitchen","node":"checked",)"
        R"("version":2,"time":null,"field_count":3}]})"
        "\n");
  CHECK(schemas_json(kitchen(), SchemaView::show) ==
        R"({"schema":"pinaflux.schema/1","streams":[{"stream":"zigbee/kitchen","node":"checked",)"
        R"("version":2,"time":null,"fields":[)"
        R"({"name":"temp","type":"float","optional":false,"declared":true,"unit":"C","since":1},)"
        R"({"name":"n","type":"float","optional":true,"declared":false,"since":1},)"
        R"({"name":"temp_text","type":"text","optional":false,"declared":false,"since":2}]}]})"
        "\n");
  CHECK(
      schemas_json(kitchen(), SchemaView::diff) ==
      R"({"schema":"pinaflux.schema/1","streams":[{"stream":"zigbee/kitchen","node":"checked",)"
      R"("version":2,"time":null,"changes":[)"
      R"({"version":1,"time":"2023-11-14T22:13:20.000000000Z","added":["temp","n"],"changed":[],"more":0},)"
      R"({"version":2,"time":null,"added":["temp_text"],"changed":[{"field":"n","what":"missing"},)"
      R"({"field":"n","what":"retyped","from":"int","to":"float"}],"more":0}]}]})"
      "\n");
  CHECK(schemas_json({}, SchemaView::list) ==
        "{\"schema\":\"pinaflux.schema/1\",\"streams\":[]}\n");
}

TEST_CASE("schemas as text") {
  const std::string title =
      "zigbee/kitchen (node checked): version 2, 3 fields, before the clock was trusted\n";
  CHECK(schemas_text(kitchen(), SchemaView::list) == title);
  CHECK(schemas_text(kitchen(), SchemaView::show) ==
        title +
            "  temp: float in C, declared, since version 1\n"
            "  n: float, optional, since version 1\n"
            "  temp_text: text, since version 2\n");
  CHECK(schemas_text(kitchen(), SchemaView::diff) ==
        title +
            "  version 1, 2023-11-14T22:13:20.000000000Z: new temp, new n\n"
            "  version 2, before the clock was trusted: new temp_text, n missing, n retyped from "
            "int to float\n");
}

TEST_CASE("an answer that is damaged ends where it is, and what is no schema is left out") {
  Buffer answer;
  Writer to(answer);
  to.text("pipeline/a/b/0123");
  to.text(as_text(kitchen()[0].schema.encode()));
  to.text("pipeline/c/0123");
  to.text("pfS1");
  to.text("0123");
  to.text(as_text(kitchen()[0].schema.encode()));
  const auto read = read_schemas(answer);
  REQUIRE(read.size() == 1);
  CHECK(read[0].node == "a/b");
  CHECK(read[0].schema.encode() == kitchen()[0].schema.encode());
  CHECK(read_schemas(Bytes(answer).first(30)).empty());
  CHECK(read_schemas({}).empty());
}

}  // namespace
}  // namespace pinaflux
