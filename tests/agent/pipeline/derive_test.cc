#include <limits>
#include <string>

#include <doctest/doctest.h>

#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {
namespace {

using Verdict = Pipeline::Verdict;

struct DeriveFixture : PipelineFixture {
  // "stream: name=value ..." of what came last to lane 0.
  std::string last() const {
    if (group.records[0].empty()) return "nothing";
    const Record& record = group.records[0].back();
    std::string text(record.shape().stream());
    for (std::size_t i = 0; i < record.cells().size(); ++i) {
      const Value& value = record.cells()[i];
      text += " " + record.shape().fields()[i] + "=";
      if (value.is_view())
        text += value.as_text();
      else if (value.is_number())
        text += std::to_string(value.to_double()).substr(0, 5);
      else
        text += "-";
    }
    return text;
  }
  Record press(double u, double i) {
    return record("press", {{"u", Value::float64(u)}, {"i", Value::float64(i)}}, at(1));
  }
};

TEST_CASE_FIXTURE(DeriveFixture,
                  "fields are added, replaced in their place, and see the record as it came") {
  make(NodeKind(Derive{
      {{"p", "u * i"}, {"u", "u + 1"}, {"text", "'x' || CAST(u AS TEXT)"}, {"none", "missing"}}}));
  CHECK(give(press(2, 3)) == Verdict::taken);
  CHECK(last() == "press u=3.000 i=3.000 p=6.000 text=x2.0 none=-");
  CHECK(group.records[0].back().time() == at(1));
}

TEST_CASE_FIXTURE(DeriveFixture, "what is computed outlives the next record, and its own node") {
  make({{"in"},
        {{"a", {"in"}, Derive{{{"text", "'<' || s || '>'"}}}},
         {"b", {"a"}, Derive{{{"text", "text || text"}}}}},
        {{"out", {"b"}}}});
  for (const char* s : {"one", "two"})
    CHECK(give(record("s", {{"s", Value::text(s)}})) == Verdict::taken);
  REQUIRE(group.records[0].size() == 2);
  CHECK(group.records[0][0].cells()[1].as_text() == "<one><one>");
  CHECK(group.records[0][1].cells()[1].as_text() == "<two><two>");
}

TEST_CASE_FIXTURE(DeriveFixture,
                  "a record for which an expression has no value is refused, by the node's name") {
  make(NodeKind(Derive{{{"a", "abs(a)"}}}));
  CHECK(give(record("s", {{"a", Value::int64(std::numeric_limits<std::int64_t>::min())}})) ==
        Verdict::refused);
  CHECK(reason == Reason::node_failed);
  CHECK(node == "n");
  CHECK(give(record("s", {{"a", Value::int64(-4)}})) == Verdict::taken);
}

TEST_CASE_FIXTURE(DeriveFixture, "where keeps what holds") {
  make(NodeKind(Condition{"u > 1 AND i < 5"}));
  CHECK(keeps(press(2, 3)));
  CHECK_FALSE(keeps(press(1, 3)));
  CHECK_FALSE(keeps(press(2, 5)));
  CHECK_FALSE(keeps(record("other", {{"u", Value::float64(3)}})));
}

TEST_CASE_FIXTURE(DeriveFixture, "select and drop, for records of several shapes") {
  SUBCASE("select") {
    make(NodeKind(Select{{"b", "a"}, false}));
    CHECK(keeps(
        record("s", {{"a", Value::int64(1)}, {"x", Value::int64(2)}, {"b", Value::int64(3)}})));
    CHECK(last() == "s a=1.000 b=3.000");
    CHECK(keeps(record("s", {{"b", Value::int64(4)}})));
    CHECK(last() == "s b=4.000");
    CHECK_FALSE(keeps(record("s", {{"x", Value::int64(4)}})));
  }
  SUBCASE("drop") {
    make(NodeKind(Select{{"x"}, true}));
    CHECK(keeps(
        record("s", {{"a", Value::int64(1)}, {"x", Value::int64(2)}, {"b", Value::int64(3)}})));
    CHECK(last() == "s a=1.000 b=3.000");
    CHECK_FALSE(keeps(record("s", {{"x", Value::int64(4)}})));
  }
}

TEST_CASE_FIXTURE(DeriveFixture, "records are taken whole or not at all where the arena ends") {
  make({{"in"},
        {{"a", {"in"}, Derive{{{"x", "u"}}}},
         {"b", {"in"}, Select{{"u", "i"}, false}},
         {"c", {"b"}, Derive{{{"y", "u"}}}}},
        {{"out", {"a", "c"}}}});
  Cells wide;
  for (int i = 0; i < 60; ++i) wide.emplace_back("f" + std::to_string(i), Value::int64(i));
  wide.emplace_back("u", Value::int64(1));
  const std::vector<Record> some(1'000, record("wide", wide));
  std::size_t taken = 0;
  while (pipeline->has_room(0, some, group)) {
    for (const Record& record : some) REQUIRE(give(record) == Verdict::taken);
    taken += some.size();
  }
  CHECK(taken > 5'000);
  CHECK(taken < 20'000);
  CHECK(group.computed.bytes_used() > group.computed.bytes_max() / 2);
  CHECK(group.full());
  group.reset();
  CHECK(pipeline->has_room(0, some, group));
}

TEST_CASE_FIXTURE(DeriveFixture, "the largest parcel of small records has room in an empty group") {
  const std::vector<Record> most(limits::kIntakeRecordsMax, press(1, 2));
  SUBCASE("with fields that are computed") {
    make(NodeKind(Derive{{{"a", "u"}, {"b", "u"}, {"c", "u"}, {"d", "u"}}}));
    CHECK(pipeline->has_room(0, most, group));
    for (const Record& record : most) REQUIRE(give(record) == Verdict::taken);
  }
  SUBCASE("with windows beside its lane") {
    const TimeWindow window{.every = Duration::seconds(60), .of = {"u"}, .give = {"mean"}};
    make({{"in"},
          {{"w1", {"in"}, window},
           {"w2", {"in"}, window},
           {"w3", {"in"}, window},
           {"w4", {"in"}, window}},
          {{"out", {"in", "w1", "w2", "w3", "w4"}}}});
    CHECK(pipeline->has_room(0, most, group));
  }
}

TEST_CASE_FIXTURE(DeriveFixture, "a text that is too long for what is left refuses its record") {
  make(NodeKind(Derive{{{"t", "a || a"}}}));
  const std::string text(30'000, 'a');
  const Record long_one = record("s", {{"a", Value::text(text)}});
  Verdict verdict = Verdict::taken;
  for (int i = 0; i < 200 && verdict == Verdict::taken; ++i) verdict = give(long_one);
  CHECK(verdict == Verdict::refused);
  CHECK(reason == Reason::too_large);
}

TEST_CASE_FIXTURE(DeriveFixture, "options that make no sense") {
  for (const NodeKind& kind :
       {NodeKind(Derive{{{"", "1"}}}), NodeKind(Derive{{{"a", "1"}, {"a", "2"}}}),
        NodeKind(Derive{{{"a", "1 +"}}}), NodeKind(Condition{"("}), NodeKind(Select{})}) {
    CHECK_FALSE(
        Pipeline::make({{"in"}, {{"n", {"in"}, kind}}, {{"out", {"n"}}}}, shapes).has_value());
  }
}

}  // namespace
}  // namespace pinaflux
