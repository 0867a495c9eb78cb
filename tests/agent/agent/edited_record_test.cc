#include "agent/agent/edited_record.h"

#include <bit>
#include <limits>

#include <doctest/doctest.h>

#include "agent/seal/row_json.h"

namespace pinaflux {
namespace {

constexpr std::uint8_t kBytes[] = {1, 0xfe};

struct EditFixture {
  Shapes shapes;
  std::vector<std::string_view> names{"n", "whole", "nan", "raw", "_own", "none"};
  std::vector<Value> values{Value::int64(5),
                            Value::float64(2.0),
                            Value::float64(std::numeric_limits<double>::quiet_NaN()),
                            Value::bytes(kBytes),
                            Value::text("x"),
                            Value()};
  Row original{shapes.intern("boiler/flow", names), values.data(), Stamp{1'000, 0}};
  EditedRecord edited;

  std::string original_json() {
    JsonWriter json;
    append_json_record(json, original);
    return json.take();
  }
  Row read(const std::string& json) {
    const auto raw = edited.read(json, original, shapes);
    REQUIRE(raw.has_value());
    return raw->row;
  }
  std::string refused(const std::string& json) {
    EditedRecord one;
    const auto raw = one.read(json, original, shapes);
    REQUIRE(!raw.has_value());
    return raw.error().what;
  }
};

TEST_CASE_FIXTURE(EditFixture,
                  "what was not changed keeps its value bit by bit, its type and its time") {
  const Row row = read(original_json());

  CHECK(row.shape->stream() == "boiler/flow");
  CHECK(row.time == original.time);
  REQUIRE(row.shape->field_count() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(row.shape->fields()[i] == names[i]);
    CHECK(identical(row.values[i], values[i]));
  }
}

TEST_CASE_FIXTURE(EditFixture, "fields change, go and come; nested ones get dots") {
  const Row row = read(
      R"({"_stream":"boiler/other","_time":"1970-01-01T00:00:02Z","n":6,"__own":"y","new":{"a":true}})");

  CHECK(row.shape->stream() == "boiler/other");
  CHECK(row.time == Stamp{2'000'000'000, 0});
  REQUIRE(row.shape->field_count() == 3);
  CHECK(row.values[static_cast<std::size_t>(row.shape->find("n"))].as_int64() == 6);
  CHECK(row.values[static_cast<std::size_t>(row.shape->find("_own"))].as_text() == "y");
  CHECK(row.values[static_cast<std::size_t>(row.shape->find("new.a"))].as_boolean());
}

TEST_CASE_FIXTURE(EditFixture, "a time since a boot stays one") {
  original.time = {77, 9};
  const Row row = read(original_json());
  CHECK(row.time == Stamp{77, 9});
}

TEST_CASE_FIXTURE(EditFixture, "what is no record of this letter is refused with what to do") {
  CHECK(refused("{\"n\":").find("no JSON object") != std::string::npos);
  CHECK(refused("[1]").find("no JSON object") != std::string::npos);
  CHECK(refused("5").find("no JSON object") != std::string::npos);
  CHECK(refused(R"({"n":1,"n":2})").find("no JSON object") != std::string::npos);
  CHECK(refused(R"({"_stream":"web/flow"})").find("same source") != std::string::npos);
  CHECK(refused(R"({"_time":"soon"})").find("no time") != std::string::npos);
  CHECK(refused(R"({"_other":1})").find("underscore") != std::string::npos);
  CHECK(refused("{\"a\":\"" + std::string(70'000, 'x') + "\"}").find("64 KiB") !=
        std::string::npos);
}

}  // namespace
}  // namespace pinaflux
