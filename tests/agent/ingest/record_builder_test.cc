#include "agent/ingest/record_builder.h"

#include <doctest/doctest.h>

#include "agent/ingest/format.h"
#include "tests/agent/ingest/fakes.h"
#include "tests/kit/counted_heap.h"

namespace pinaflux {
namespace {

struct BuilderFixture {
  Shapes shapes;
  Intake intake{shapes};
  RecordBuilder builder{TimeField{"t", TimeField::Unit::ms}};

  BuilderFixture() { intake.begin(0); }
  const Shape* add(std::string_view stream, std::initializer_list<std::string_view> names) {
    builder.begin(intake, stream);
    for (std::string_view name : names) {
      if (!builder.add({}, name, Value::int64(1))) return nullptr;
    }
    return builder.finish({}) ? intake.records.back().row.shape : nullptr;
  }
};

TEST_CASE_FIXTURE(BuilderFixture, "the same fields in the same order share a shape") {
  const Shape* ab = add("s", {"a", "b"});
  REQUIRE(ab != nullptr);
  CHECK(add("s", {"a", "b"}) == ab);
  CHECK(add("s", {"b", "a"}) != ab);
  CHECK(add("s", {"a"}) != ab);
  CHECK(add("s", {"a", "b", "c"}) != ab);
  CHECK(add("other", {"a", "b"}) != ab);
  CHECK(add("s", {"a", "b"}) == ab);
  CHECK(shapes.count() == 5);
}

TEST_CASE_FIXTURE(BuilderFixture, "the time field may come anywhere without changing the shape") {
  const Shape* ab = add("s", {"t", "a", "b"});
  REQUIRE(ab != nullptr);
  CHECK(add("s", {"a", "t", "b"}) == ab);
  CHECK(add("s", {"a", "b", "t"}) == ab);
  CHECK(add("s", {"a", "b"}) == ab);
  CHECK(ab->field_count() == 2);
  CHECK(add("s", {"t", "a", "t"}) == nullptr);
}

TEST_CASE_FIXTURE(BuilderFixture, "shapes without end are refused at the limit") {
  for (std::size_t i = 0; i < limits::kShapesMax; ++i) {
    REQUIRE(add("s", {std::to_string(i)}) != nullptr);
    intake.records.clear();
  }
  builder.begin(intake, "s");
  REQUIRE(builder.add({}, "one too many", Value::int64(1)));
  const Built built = builder.finish({});
  REQUIRE_FALSE(built);
  CHECK(built.error().reason == Reason::shapes_exhausted);
  CHECK(add("s", {"0"}) != nullptr);
}

TEST_CASE("JSON in the steady state takes nothing from the heap") {
  Shapes shapes;
  Intake intake(shapes);
  Decoder decoder({.name = "in", .time = {"ts_ms", TimeField::Unit::ms}}, InstallKey{1});
  std::string body;
  for (int i = 0; i < 1000; ++i) {
    body += R"({"ts_ms":1166289840000,"active_kw":4.216,"n":{"a":)" + std::to_string(i) +
            R"(,"name":"kitchen"},"list":[1,2,3],"ok":true})"
            "\n";
  }
  const fake::Padded padded(body);
  const auto turn = [&] {
    Tally tally;
    intake.reset();
    decoder.begin(intake);
    REQUIRE(decoder.decode(Format::ndjson, {padded, "in/house", {}}, tally));
    decoder.end(1);
    REQUIRE(tally.records == 1000);
  };
  turn();
  turn();
  const std::uint64_t before = kit::heap_calls;
  turn();
  CHECK(kit::heap_calls == before);
}

TEST_CASE("line protocol in the steady state takes nothing from the heap") {
  Shapes shapes;
  Intake intake(shapes);
  Decoder decoder({.name = "in"}, InstallKey{1});
  std::string body;
  for (int i = 0; i < 1000; ++i) {
    body +=
        "power,room=kitchen active_kw=4.2,n=" + std::to_string(i) + "i,note=\"a \\\"b\\\"\" 17\n";
    body += "water,room=bath l=4.2,ok=t 18\n";
  }
  const fake::Padded padded(body);
  const auto turn = [&] {
    Tally tally;
    intake.reset();
    decoder.begin(intake);
    REQUIRE(decoder.decode(Format::influx, {padded, "in", {}}, tally));
    decoder.end(1);
    REQUIRE(tally.records == 2000);
  };
  turn();
  turn();
  const std::uint64_t before = kit::heap_calls;
  turn();
  CHECK(kit::heap_calls == before);
}

}  // namespace
}  // namespace pinaflux
