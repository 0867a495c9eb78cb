#include "agent/pipeline/schema_json.h"

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

StreamSchema boiler() {
  StreamSchema schema{.stream = "plant/boiler", .version = 3};
  schema.fields.push_back(
      {.name = "temp", .type = FieldType::real, .declared = true, .since = 1, .unit = "C"});
  schema.fields.push_back({.name = "mode", .type = FieldType::text, .optional = true, .since = 2});
  schema.changes.push_back({.version = 3, .time = {1'700'000'000'000'000'000, 0}});
  return schema;
}

TEST_CASE("the notice of a schema says its fields") {
  CHECK(schema_notice("gw", "checked", boiler()) ==
        R"({"schema":"pinaflux.stream/1","gateway":"gw","stream":"plant/boiler","node":"checked",)"
        R"("version":3,"time":"2023-11-14T22:13:20.000000000Z","fields":[)"
        R"({"name":"temp","type":"float","optional":false,"declared":true,"unit":"C","since":1},)"
        R"({"name":"mode","type":"text","optional":true,"declared":false,"since":2}],"more":0})");
}

TEST_CASE("a notice has its limit: what is beyond is counted") {
  StreamSchema schema = boiler();
  for (int i = 0; i < 4'000; ++i) {
    schema.fields.push_back({.name = "field" + std::to_string(i), .type = FieldType::real});
  }
  const std::string text = schema_notice("gw", "checked", schema);
  CHECK(text.size() <= kSchemaNoticeBytesMax);
  CHECK(text.size() > kSchemaNoticeBytesMax - 200);
  CHECK(text.ends_with("}"));
  const auto more = std::stoi(text.substr(text.rfind(':') + 1));
  std::size_t named = 0;
  for (auto at = text.find("\"name\""); at != std::string::npos; at = text.find("\"name\"", at + 1))
    ++named;
  CHECK(named + static_cast<std::size_t>(more) == schema.fields.size());
}

TEST_CASE("a piece of state is a schema of a node, or none") {
  const Buffer value = boiler().encode();
  const auto its = schema_of_state("pipeline/checked/00ff", value);
  REQUIRE(its);
  CHECK(its->node == "checked");
  CHECK(its->schema.stream == "plant/boiler");
  CHECK_FALSE(schema_of_state("uplink/checked/00ff", value));
  CHECK_FALSE(schema_of_state("pipeline/00ff", value));
  CHECK_FALSE(schema_of_state("pipeline//00ff", value));
  CHECK_FALSE(schema_of_state("pipeline/checked/00ff", Bytes(value).first(value.size() - 1)));
  CHECK_FALSE(schema_of_state("pipeline/checked/00ff", {}));
}

}  // namespace
}  // namespace pinaflux
