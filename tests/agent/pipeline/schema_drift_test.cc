// Fifty events in which a source's records change: what comes of them with `evolve`, and with `reject`.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <doctest/doctest.h>

#include "tests/agent/pipeline/schema_kit.h"

namespace pinaflux {
namespace {
using Cells = RecordFixture::Cells;

Value number(double value) { return Value::float64(value); }
Value whole(std::int64_t value) { return Value::int64(value); }

// What a boiler sends. `temp` (float, C, -40 to 150, required) and `mode` (text, auto or manual) are declared; with
// `reject` all others are, too, and required.
Cells usual() {
  return {{"temp", number(21.5)},         {"mode", Value::text("auto")}, {"flow", whole(3)},
          {"level", number(0.5)},         {"run", Value::boolean(true)}, {"id", Value::text("b7")},
          {"pos.lat", number(48.137154)}, {"pos.lon", number(11.576124)}};
}

struct Change {
  const char* what;
  std::vector<const char*> without;
  Cells with;         // Over those of the same name, or behind the others.
  bool hand = false;  // With `evolve`, too.
};

const std::vector<Change>& changes() {
  static const std::string kLong(512, 'n');
  static const std::vector<Change> kAll = {
      {"renamed: flow to flow_rate", {"flow"}, {{"flow_rate", whole(3)}}},
      {"renamed: level to Level", {"level"}, {{"Level", number(0.5)}}},
      {"renamed: id to device_id", {"id"}, {{"device_id", Value::text("b7")}}},
      {"renamed: run to running", {"run"}, {{"running", Value::boolean(true)}}},
      {"renamed: pos.lat to pos.latitude", {"pos.lat"}, {{"pos.latitude", number(48.1)}}},
      {"renamed: mode (declared) to state", {"mode"}, {{"state", Value::text("auto")}}},
      {"renamed: temp (required) to temperature", {"temp"}, {{"temperature", number(21.5)}}, true},
      {"renamed: flow and level have swapped names",
       {},
       {{"flow", number(0.5)}, {"level", whole(3)}}},
      {"added: a float", {}, {{"pressure", number(1.2)}}},
      {"added: a text", {}, {{"site", Value::text("north")}}},
      {"added: a boolean", {}, {{"alarm", Value::boolean(false)}}},
      {"added: null so far", {}, {{"error", Value::null()}}},
      {"added: bytes", {}, {{"raw", Value::bytes(as_bytes("\xff\x01"))}}},
      {"added: a name of 512 bytes", {}, {{kLong, whole(1)}}},
      {"added: five at once",
       {},
       {{"a", whole(1)}, {"b", whole(1)}, {"c", whole(1)}, {"d", whole(1)}, {"e", whole(1)}}},
      {"dropped: flow", {"flow"}, {}},
      {"dropped: level, sent as nothing", {}, {{"level", Value()}}},
      {"dropped: id and run", {"id", "run"}, {}},
      {"dropped: all that is not declared",
       {"flow", "level", "run", "id", "pos.lat", "pos.lon"},
       {}},
      {"dropped: temp (required)", {"temp"}, {}, true},
      {"retyped: int to float", {}, {{"flow", number(3.5)}}},
      {"retyped: int to a whole float", {}, {{"flow", number(3.0)}}},
      {"retyped: int to text with an int", {}, {{"flow", Value::text("3")}}},
      {"retyped: int to text with a float", {}, {{"flow", Value::text("3.5")}}},
      {"retyped: int to text", {}, {{"flow", Value::text("n/a")}}},
      {"retyped: float to text with a float", {}, {{"level", Value::text("0.75")}}},
      {"retyped: float to text", {}, {{"level", Value::text("low")}}},
      {"retyped: float to an int beyond 2^53", {}, {{"level", whole((std::int64_t{1} << 60) + 1)}}},
      {"retyped: float to boolean", {}, {{"level", Value::boolean(true)}}},
      {"retyped: boolean to 1", {}, {{"run", whole(1)}}},
      {"retyped: boolean to text true", {}, {{"run", Value::text("true")}}},
      {"retyped: boolean to text on", {}, {{"run", Value::text("on")}}},
      {"retyped: text to int", {}, {{"id", whole(7)}}},
      {"retyped: text to bytes", {}, {{"id", Value::bytes(as_bytes("\xff"))}}},
      {"retyped: temp (declared) to text with a float", {}, {{"temp", Value::text("21.5")}}},
      {"retyped: temp (declared) to text", {}, {{"temp", Value::text("hot")}}, true},
      {"nested: id becomes an object",
       {"id"},
       {{"id.serial", Value::text("b7")}, {"id.vendor", Value::text("x")}}},
      {"nested: an object becomes a text",
       {"pos.lat", "pos.lon"},
       {{"pos", Value::text("48.1,11.5")}}},
      {"nested: an object becomes an array",
       {"pos.lat", "pos.lon"},
       {{"pos.0", number(48.1)}, {"pos.1", number(11.5)}}},
      {"nested: an object becomes null", {"pos.lat", "pos.lon"}, {{"pos", Value::null()}}},
      {"nested: an object moves deeper",
       {"pos.lat", "pos.lon"},
       {{"gps.pos.lat", number(48.1)}, {"gps.pos.lon", number(11.5)}}},
      {"nested: a retyped member", {}, {{"pos.lat", Value::text("48.137154")}}},
      {"unit: temp in K is out of its range", {}, {{"temp", number(294.65)}}, true},
      {"unit: temp in tenths is out of its range", {}, {{"temp", whole(215)}}, true},
      {"unit: temp with its unit as text", {}, {{"temp", Value::text("21.5 C")}}, true},
      {"unit: temp becomes temp_f", {"temp"}, {{"temp_f", number(70.7)}}, true},
      {"unit: level becomes level_pct", {"level"}, {{"level_pct", number(50)}}},
      {"unit: level with its unit as text", {}, {{"level", Value::text("0.5 bar")}}},
      {"unit: a field says it", {}, {{"unit", Value::text("F")}}},
      {"enumeration: mode has a new value", {}, {{"mode", Value::text("eco")}}, true},
  };
  return kAll;
}

Cells changed(const Change& change) {
  Cells cells = usual();
  for (const char* name : change.without) {
    std::erase_if(cells, [&](const auto& cell) { return cell.first == name; });
  }
  for (const auto& cell : change.with) {
    const auto at = std::ranges::find(cells, cell.first, [](const auto& c) { return c.first; });
    if (at == cells.end()) {
      cells.push_back(cell);
    } else {
      at->second = cell.second;
    }
  }
  return cells;
}

struct DriftFixture : SchemaFixture {
  // Of ten records after ten as usual, so many get through.
  int got_through(SchemaCheck::Drift drift, const Change& change) {
    if (drift == SchemaCheck::Drift::evolve) {
      make(drift, {temp(), mode(false)});
    } else {
      make(drift,
           {temp(), mode(true), field("flow", FieldType::integer), field("level", FieldType::real),
            field("run", FieldType::boolean), field("id", FieldType::text),
            field("pos.lat", FieldType::real), field("pos.lon", FieldType::real)});
    }
    for (int i = 0; i < 10; ++i) CHECK_FALSE(comes(record("boiler", usual())).starts_with("n:"));
    int through = 0;
    for (int i = 0; i < 10; ++i) {
      const Record sent = record("boiler", changed(change));
      if (comes(sent).starts_with("n:")) continue;
      ++through;
      CHECK(values(group.records[0].back()) == values(sent));
      check_types(group.records[0].back());
    }
    return through;
  }
  static SchemaCheck::Field mode(bool required) {
    return {.name = "mode",
            .type = FieldType::text,
            .required = required,
            .one_of = {"auto", "manual"}};
  }
  static SchemaCheck::Field field(const char* name, FieldType type) {
    return {.name = name, .type = type, .required = true};
  }
  static std::size_t values(const Record& record) {
    return static_cast<std::size_t>(std::ranges::count_if(
        record.cells(), [](const Value& v) { return v.type() != Type::absent; }));
  }
  // Every field has the type that the schema says.
  void check_types(const Record& record) const {
    const StreamSchema schema = known("boiler");
    for (std::size_t i = 0; i < record.cells().size(); ++i) {
      const FieldType has = field_type(record.cells()[i].type());
      if (has == FieldType::unknown) continue;
      const std::uint32_t at = schema.find(record.shape().fields()[i]);
      REQUIRE(at != StreamSchema::kNone);
      CHECK(schema.fields[at].type == has);
    }
  }
};

TEST_CASE_FIXTURE(DriftFixture,
                  "of fifty events at most ten need a hand with evolve, all of them with reject") {
  REQUIRE(changes().size() == 50);
  const bool show = std::getenv("PINAFLUX_FIGURES") != nullptr;
  int evolve = 0, reject = 0;
  for (const Change& change : changes()) {
    CAPTURE(change.what);
    const int with_evolve = got_through(SchemaCheck::Drift::evolve, change);
    const int with_reject = got_through(SchemaCheck::Drift::reject, change);
    CHECK(with_evolve == (change.hand ? 0 : 10));
    CHECK(with_reject == 0);
    evolve += with_evolve < 10 ? 1 : 0;
    reject += with_reject < 10 ? 1 : 0;
    if (show)
      std::printf("%-50s evolve %2d of 10, reject %d\n", change.what, with_evolve, with_reject);
  }
  CHECK(evolve <= 10);
  CHECK(reject == 50);
  if (show) std::printf("need a hand: %d with evolve, %d with reject\n", evolve, reject);
}

}  // namespace
}  // namespace pinaflux
