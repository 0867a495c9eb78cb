#include "agent/pipeline/pipeline.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {
namespace {

using Verdict = Pipeline::Verdict;

FieldFilter above(double limit) {
  return {.field = "t", .compare = FieldFilter::Compare::greater, .with = limit};
}

TEST_CASE_FIXTURE(PipelineFixture,
                  "a record goes to every lane that wants its source, a record in each") {
  make({{"a", "b"}, {}, {{"x", {"a"}}, {"y", {"b", "a"}}, {"z", {"b"}}}});

  CHECK(give(reading(1)) == Verdict::taken);

  CHECK(group.records[0].size() == 1);
  CHECK(group.records[1].size() == 1);
  CHECK(group.records[2].empty());
}

TEST_CASE_FIXTURE(PipelineFixture, "records keep their order and their values along a path") {
  make(NodeKind(PassThrough{}));
  for (int i = 0; i < 5; ++i) CHECK(give(reading(i, i)) == Verdict::taken);
  REQUIRE(group.records[0].size() == 5);
  for (int i = 0; i < 5; ++i) {
    CHECK(group.records[0][i].cells()[0].as_float64() == i);
    CHECK(group.records[0][i].time() == at(i));
  }
}

TEST_CASE_FIXTURE(PipelineFixture, "nodes may be declared in any order") {
  make({{"in"},
        {{"last", {"first"}, above(2)}, {"first", {"in"}, above(1)}},
        {{"some", {"first"}}, {"few", {"last"}}}});
  for (double t : {1.0, 2.0, 3.0}) CHECK(give(reading(t)) == Verdict::taken);
  CHECK(group.records[0].size() == 2);
  CHECK(group.records[1].size() == 1);
}

TEST_CASE_FIXTURE(PipelineFixture, "a record that a filter dropped is taken, not refused") {
  make(NodeKind(above(10)));
  CHECK(give(reading(1)) == Verdict::taken);
  CHECK(group.records[0].empty());
}

TEST_CASE_FIXTURE(PipelineFixture, "a source that leads to no lane is refused") {
  make({{"used", "unused", "dead"}, {{"n", {"dead"}, PassThrough{}}}, {{"x", {"used"}}}});
  CHECK(give(reading(1), {}, 0) == Verdict::taken);
  for (SourceIndex source = 1; source <= 2; ++source) {
    CHECK(give(reading(1), {}, source) == Verdict::refused);
    CHECK(reason == Reason::no_lane);
    CHECK(node.empty());
  }
  CHECK(group.record_count() == 1);
}

TEST_CASE_FIXTURE(PipelineFixture,
                  "a record that comes to a lane by two paths is two records, a name said "
                  "twice is one path") {
  make({{"in"}, {{"n", {"in", "in"}, PassThrough{}}}, {{"x", {"in", "n", "n"}}}});
  CHECK(give(reading(1)) == Verdict::taken);
  CHECK(group.records[0].size() == 2);
}

TEST_CASE_FIXTURE(PipelineFixture,
                  "a record that one node refuses is in no lane and in no deadband") {
  make({{"in"},
        {{"band", {"in"}, Deadband{.field = "t", .within = 1}},
         {"name", {"in"}, Rename{.fields = {{"t", "u"}}}}},
        {{"x", {"band"}}, {"y", {"name"}}}});
  const Record bad = record("s", {{"t", Value::float64(5)}, {"u", Value::null()}});

  CHECK(give(bad) == Verdict::refused);

  CHECK(reason == Reason::node_failed);
  CHECK(node == "name");
  CHECK(group.record_count() == 0);
  CHECK(saved().empty());
  CHECK(give(reading(5.5)) == Verdict::taken);
  CHECK(group.records[0].size() == 1);  // 5 was not remembered.
}

TEST_CASE_FIXTURE(PipelineFixture, "no room keeps nothing, and the record can be given again") {
  make({{"in"},
        {{"band", {"in"}, Deadband{.field = "t", .within = 1}}},
        {{"x", {"band"}}, {"y", {"in"}}}});
  const Record filler = reading(0);
  group.records[1].assign(limits::kGroupRecordsMax - 1, filler);

  CHECK(give(reading(7)) == Verdict::no_room);
  CHECK(group.record_count() == limits::kGroupRecordsMax - 1);

  group.reset();
  CHECK(give(reading(7)) == Verdict::taken);
  CHECK(group.records[0].size() == 1);
  CHECK(group.records[1].size() == 1);
}

TEST_CASE_FIXTURE(PipelineFixture,
                  "tap sees every record that reaches a lane, until it is taken away") {
  make({{"in"}, {{"n", {"in"}, above(1)}}, {{"x", {"in"}}, {"y", {"n"}}}});
  std::vector<std::pair<int, double>> seen;
  pipeline->tap(
      [&](LaneIndex lane, const Record& r) { seen.emplace_back(lane, r.cells()[0].as_float64()); });
  CHECK(give(reading(1)) == Verdict::taken);
  CHECK(give(reading(2)) == Verdict::taken);
  pipeline->tap({});
  CHECK(give(reading(3)) == Verdict::taken);
  CHECK(seen.size() == 3);
  std::ranges::sort(seen);
  CHECK((seen == std::vector<std::pair<int, double>>{{0, 1.0}, {0, 2.0}, {1, 2.0}}));
}

TEST_CASE_FIXTURE(PipelineFixture, "state survives a restart, only what changed is saved") {
  const Deadband band{.field = "t", .within = 1};
  make(NodeKind(band));
  CHECK(keeps(reading(10)));
  const auto states = saved();
  REQUIRE(states.size() == 1);
  CHECK(states[0].key.starts_with("pipeline/n/"));
  CHECK_FALSE(keeps(reading(10.5)));
  CHECK(saved().empty());

  make(NodeKind(band));
  pipeline->restore(states);
  CHECK_FALSE(keeps(reading(10.5)));
  CHECK(keeps(reading(11.5)));
  CHECK(saved().size() == 1);
  CHECK(saved().empty());
}

TEST_CASE_FIXTURE(PipelineFixture, "state of another node, kind, field or version is ignored") {
  make(NodeKind(Deadband{.field = "t", .within = 1}));
  CHECK(keeps(reading(10)));
  auto states = saved();
  REQUIRE(states.size() == 1);

  SUBCASE("another name") { states[0].key.replace(0, 11, "pipeline/m/"); }
  SUBCASE("a name below") { states[0].key.insert(11, "m/"); }
  SUBCASE("damaged") { states[0].value.pop_back(); }
  SUBCASE("newer") { states[0].value[0] = 2; }
  SUBCASE("empty") { states[0].value.clear(); }
  SUBCASE("another field") { states[0].value[1] ^= 1; }
  make(NodeKind(Deadband{.field = "t", .within = 1}));
  pipeline->restore(states);
  CHECK(keeps(reading(10)));

  make(NodeKind(PassThrough{}));
  pipeline->restore(states);
  CHECK(keeps(reading(10)));
}

TEST_CASE_FIXTURE(PipelineFixture,
                  "state of a node that is gone is erased, a part with each commit") {
  make(NodeKind(Deadband{.field = "t", .within = 1}));
  std::vector<StateEdit> states;
  for (int i = 0; i < 1'500; ++i) states.push_back({"pipeline/gone/" + std::to_string(i), {1}});
  states.push_back({"pipeline/gone/erased", {}});
  states.push_back({"clock/trusted", {1}});
  CHECK(pipeline->restore(states) == 1'500);
  std::set<std::string> erased;
  for (const std::size_t expected : {1'024, 476, 0}) {
    const auto edits = saved();
    CHECK(edits.size() == expected);
    for (const StateEdit& edit : edits) {
      CHECK(edit.value.empty());
      erased.insert(edit.key);
    }
  }
  CHECK(erased.size() == 1'500);
  CHECK(pipeline->restore({}) == 0);
}

TEST_CASE_FIXTURE(PipelineFixture, "a pipeline that takes over goes on where the old one was") {
  const PipelineOptions options{
      {"in"}, {{"n", {"in"}, Deadband{.field = "t", .within = 1}}}, {{"x", {"n"}}}};
  make(options);
  CHECK(keeps(reading(10)));
  CHECK(saved().size() == 1);
  const auto snapshot = pipeline->snapshot();
  CHECK(snapshot.size() == 1);
  make(options);
  pipeline->restore(snapshot);
  CHECK_FALSE(keeps(reading(10.5)));
  CHECK(saved().empty());
}

TEST_CASE_FIXTURE(PipelineFixture, "options that make no sense are refused") {
  const auto code = [&](PipelineOptions options) {
    auto made = Pipeline::make(options, shapes);
    return made ? std::string("accepted") : std::string(code_name(made.error().code));
  };
  const auto node = [&](NodeKind kind) {
    return code({{"in"}, {{"n", {"in"}, std::move(kind)}}, {{"x", {"n"}}}});
  };
  CHECK(code({}) == "accepted");
  CHECK(code({{"a"}, {}, {{"x", {"b"}}}}) == "not_found");
  CHECK(code({{"a"}, {{"n", {"x"}, PassThrough{}}}, {{"x", {"a"}}}}) == "not_found");
  CHECK(code({{"a", "a"}, {}, {}}) == "exists");
  CHECK(code({{"a"}, {{"a", {}, PassThrough{}}}, {}}) == "exists");
  CHECK(code({{"a"}, {{"n", {"n"}, PassThrough{}}}, {{"x", {"n"}}}}) == "invalid");
  CHECK(code({{"a"}, {{"n", {"m"}, PassThrough{}}, {"m", {"n"}, PassThrough{}}}, {}}) == "invalid");
  CHECK(node(FieldFilter{.field = ""}) == "invalid");
  CHECK(node(FieldFilter{.field = "t", .compare = FieldFilter::Compare::less}) == "invalid");
  CHECK(node(Rename{.fields = {{"a", ""}}}) == "invalid");
  CHECK(node(Rename{.fields = {{"a", "b"}, {"a", "c"}}}) == "invalid");
  CHECK(node(Deadband{}) == "invalid");
  CHECK(node(Deadband{.field = "t", .within = -1}) == "invalid");
  CHECK(node(Deadband{.field = "t", .keys_max = 0}) == "invalid");
  CHECK(node(Deadband{.field = "t"}) == "accepted");
}

TEST_CASE_FIXTURE(PipelineFixture, "a graph that multiplies records beyond its limit is refused") {
  PipelineOptions options{{"in"}, {}, {}};
  std::vector<std::string> from = {"in"};
  for (int level = 0; level < 9; ++level) {
    const std::string name = std::to_string(level);
    options.nodes.push_back({"a" + name, from, PassThrough{}});
    options.nodes.push_back({"b" + name, from, PassThrough{}});
    from = {"a" + name, "b" + name};
  }
  options.lanes = {{"x", from}};  // 2^9 paths.
  auto made = Pipeline::make(options, shapes);
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().code == Code::full);
}

}  // namespace
}  // namespace pinaflux
