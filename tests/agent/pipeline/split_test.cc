#include <string>

#include <doctest/doctest.h>

#include "agent/pipeline/split_array.h"
#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {
namespace {

using Verdict = Pipeline::Verdict;

struct SplitFixture : PipelineFixture {
  // "k=v ...@s;..." of all that comes of a record with this text, or why it is refused.
  std::string split_of(std::string_view text) {
    group.records[0].clear();
    if (give(record("s", {{"values", Value::text(text)}, {"id", Value::int64(7)}}, at(100))) !=
        Verdict::taken) {
      const auto said = pipeline->trouble();
      return std::string(reason_name(reason)) + ": " + (said ? said->what : "");
    }
    std::string all;
    for (const Record& made : group.records[0]) {
      for (std::size_t i = 0; i < made.cells().size(); ++i) {
        const Value& value = made.cells()[i];
        if (value.type() == Type::absent) continue;
        all += made.shape().fields()[i] + "=";
        all += value.is_view()     ? std::string(value.as_text())
               : value.is_number() ? format_double(value.to_double())
                                   : "-";
        all += " ";
      }
      all += "@" + std::to_string(made.time().ns / 1'000'000) + ";";
    }
    return all;
  }
};

TEST_CASE_FIXTURE(SplitFixture, "each element is a record of its own, in the place of the array") {
  make(NodeKind(SplitArray{.of = "values"}));
  CHECK(split_of("[1, 2.5 ,\"x\"]") ==
        "values=1 id=7 @100000;values=2.5 id=7 @100000;values=x id=7 @100000;");
  CHECK(split_of("[]") == "");
  CHECK(split_of("[[1,2],null]") == "values=[1,2] id=7 @100000;values=- id=7 @100000;");
  CHECK(split_of("[{\"a\":1,\"b\":{\"c\":2}}]") == "id=7 values.a=1 values.b.c=2 @100000;");
  CHECK(split_of("[{}]") == "id=7 @100000;");
}

TEST_CASE_FIXTURE(SplitFixture, "elements have another name and times that are apart") {
  make(NodeKind(SplitArray{.of = "values", .as = "v", .every = Duration::milliseconds(10)}));
  CHECK(split_of("[1,2,3]") == "id=7 v=1 @100000;id=7 v=2 @100010;id=7 v=3 @100020;");
}

TEST_CASE_FIXTURE(SplitFixture, "all of an array, or nothing of it") {
  make(NodeKind(SplitArray{.of = "values", .records_max = 2, .fields_max = 2}));
  CHECK(split_of("[1,2,3]") ==
        "node_failed: field 'values': it has more elements than records_max");
  CHECK(group.records[0].empty());
  CHECK(split_of("[1,hunter2]") == "node_failed: field 'values': it is no JSON");
  CHECK(split_of("[1,]") == "node_failed: field 'values': it is no JSON");
  CHECK(split_of("[1 2]") == "node_failed: field 'values': it is no JSON");
  CHECK(split_of("[1,2") == "node_failed: field 'values': it is no JSON");
  CHECK(split_of("[1]]") == "node_failed: field 'values': it is no JSON");
  CHECK(split_of("{\"a\":1}") == "node_failed: field 'values': it is no JSON array");
  CHECK(split_of("[{\"a\":1,\"b\":2,\"c\":3}]") ==
        "node_failed: field 'values': it holds more fields than fields_max");
  CHECK(group.records[0].empty());
  CHECK(give(record("s", {{"values", Value::int64(1)}})) == Verdict::refused);
  CHECK(give(record("s", {{"other", Value::int64(1)}})) == Verdict::taken);
}

TEST_CASE_FIXTURE(SplitFixture, "what is no array passes as it is, where that is said") {
  make(NodeKind(SplitArray{.of = "values", .pass = true, .records_max = 2, .fields_max = 8}));
  CHECK(split_of("[1,2]") == "values=1 id=7 @100000;values=2 id=7 @100000;");
  CHECK(split_of("[1,2,3]") == "values=[1,2,3] id=7 @100000;");
  CHECK(split_of("[1,}") == "values=[1,} id=7 @100000;");
}

TEST_CASE_FIXTURE(SplitFixture, "times that no longer fit refuse the record") {
  make(NodeKind(SplitArray{.of = "values", .every = Duration::days(366)}));
  CHECK(give(record("s", {{"values", Value::text("[1,2]")}}, Stamp{INT64_MAX - 5, 0})) ==
        Verdict::refused);
  CHECK(pipeline->trouble()->what == "field 'values': its times are beyond what a time can hold");
  CHECK(give(record("s", {{"values", Value::text("[1]")}}, Stamp{INT64_MAX - 5, 0})) ==
        Verdict::taken);
}

TEST_CASE_FIXTURE(SplitFixture, "room is held for as many elements as an array may have") {
  make(NodeKind(SplitArray{.of = "values", .records_max = 256}));
  const std::vector<Record> records(257, record("s", {{"values", Value::text("[1]")}}));
  CHECK_FALSE(pipeline->has_room(0, records, group));
  CHECK(pipeline->has_room(0, std::span(records).first(256), group));
  Cells cells;
  for (int i = 0; i < 56; ++i) cells.emplace_back("x" + std::to_string(i), Value::int64(i));
  const std::vector<Record> wide(64, record("w", cells));  // Of 64 fields: 256 KiB each.
  CHECK_FALSE(pipeline->has_room(0, wide, group));
  CHECK(pipeline->has_room(0, std::span(wide).first(60), group));
}

TEST_CASE_FIXTURE(SplitFixture, "why a record is refused is said of this record") {
  make(NodeKind(SplitArray{.of = "values"}));
  for (std::size_t i = 0; i <= MadeFields::kShapesMoreMax; ++i) {
    CHECK(split_of("[{\"f" + std::to_string(i) + "\":1}]").starts_with("id=7 values.f"));
  }
  CHECK(split_of("[{\"f1000\":1}]") == "node_failed: it gives more than 256 lists of fields");
  CHECK(split_of("hm") == "node_failed: field 'values': it is no JSON array");
  CHECK(split_of("[{\"f5\":1}]") == "id=7 values.f5=1 @100000;");
}

TEST_CASE_FIXTURE(SplitFixture, "a text that has no place in the arena refuses all, for its size") {
  const std::string text = "[1,\"" + std::string(9'000, 'x') + "\\n\"]";
  for (const bool pass : {false, true}) {
    const auto step = SplitStep::make({.of = "values", .pass = pass}, shapes);
    REQUIRE(step.has_value());
    Arena little(8'192);
    const StepFlow flow(**step, record("s", {{"values", Value::text(text)}}), little);
    CHECK(flow.emitted.size() == (pass ? 0 : 1));
    CHECK(flow.refused == Reason::too_large);
  }
}

TEST_CASE("a split that makes no sense is none") {
  Shapes shapes;
  CHECK_FALSE(SplitStep::make({}, shapes).has_value());
  CHECK_FALSE(SplitStep::make({.of = "x", .records_max = 0}, shapes).has_value());
  CHECK_FALSE(SplitStep::make({.of = "x", .every = Duration{-1}}, shapes).has_value());
}

}  // namespace
}  // namespace pinaflux
