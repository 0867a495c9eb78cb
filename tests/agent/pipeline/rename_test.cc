#include "agent/pipeline/rename.h"

#include <doctest/doctest.h>

#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {
namespace {

struct RenameFixture : RecordFixture {
  // "stream: names", or the reason.
  std::string renamed(const Rename& options, const Record& record) {
    auto step = RenameStep::make(options, shapes);
    REQUIRE(step.has_value());
    const StepFlow flow(**step, record, arena);
    if (flow.refused) return reason_name(*flow.refused);
    REQUIRE(flow.emitted.size() == 1);
    const Record& result = flow.emitted[0];
    CHECK(result.row().values == record.row().values);
    CHECK(result.time() == record.time());
    std::string text(result.shape().stream());
    text += ":";
    for (const std::string& name : result.shape().fields()) text += " " + name;
    return text;
  }

  Record abc =
      record("s", {{"a", Value::int64(1)}, {"b", Value::int64(2)}, {"c", Value::int64(3)}});
};

TEST_CASE_FIXTURE(RenameFixture,
                  "fields and the stream get other names, values stay where they are") {
  CHECK(renamed({{{"b", "x"}}, ""}, abc) == "s: a x c");
  CHECK(renamed({{}, "t/u"}, abc) == "t/u: a b c");
  CHECK(renamed({{{"missing", "x"}}, ""}, abc) == "s: a b c");
}

TEST_CASE_FIXTURE(RenameFixture, "all names change at once") {
  CHECK(renamed({{{"a", "b"}, {"b", "a"}}, ""}, abc) == "s: b a c");
  CHECK(renamed({{{"a", "b"}, {"b", "c"}, {"c", "d"}}, ""}, abc) == "s: b c d");
}

TEST_CASE_FIXTURE(RenameFixture, "a name that is there already refuses the record") {
  CHECK(renamed({{{"a", "b"}}, ""}, abc) == "node_failed");
  CHECK(renamed({{{"a", "x"}, {"b", "x"}}, ""}, abc) == "node_failed");
}

TEST_CASE_FIXTURE(RenameFixture, "a name beyond the limits refuses the record") {
  CHECK(renamed({{{"a", std::string(513, 'x')}}, ""}, abc) == "shapes_exhausted");
}

}  // namespace
}  // namespace pinaflux
