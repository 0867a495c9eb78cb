// What is certain of fields, held against records: pairs of nodes of all kinds, and fields of all types.

#include <algorithm>
#include <array>
#include <random>

#include <doctest/doctest.h>

#include "agent/config/field_types.h"
#include "agent/pipeline/exact_value.h"
#include "tests/agent/config/types_kit.h"
#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {
namespace {

using config::FieldTypes;
using config::TypeSet;

struct RandomFixture : PipelineFixture {
  std::mt19937 random{22};

  Value value() {
    switch (random() % 11) {
      case 0: return Value::null();
      case 1: return Value::boolean(random() % 2 == 0);
      case 2: return Value::int64(static_cast<std::int64_t>(random() % 3));
      case 3: return Value::uint64(UINT64_MAX - random() % 2);
      case 4: return Value::float64(static_cast<double>(random() % 5) / 2);
      case 5: return Value::text("1");
      case 6: return Value::text("true");
      case 7: return Value::text("a=1 t=x i=2");
      case 8: return Value::text("{\"t\":true,\"i\":[1,2],\"y\":0.5}");
      case 9: return Value::text("[1,\"a\",{\"x\":false}]");
      default: return Value::bytes(as_bytes("1"));
    }
  }
  Record any_record(std::int64_t second) {
    static constexpr std::array kStreams{"m/a", "m/b", "c"};
    Cells cells;
    for (const char* name : {"b", "i", "f", "t", "y", "any"}) {
      if (random() % 4 != 0) cells.emplace_back(name, value());
    }
    if (cells.empty()) cells.emplace_back("i", Value::int64(1));
    return record(kStreams[random() % kStreams.size()], cells, at(second));
  }
};

TEST_CASE_FIXTURE(RandomFixture, "no record brings what is not among the types of a field") {
  const std::string kinds[] = {
      "pass: {}",
      "filter: {field: i, at_least: 1}",
      "where: f >= 1",
      "deadband: {of: t, within: 1}",
      "deadband: {of: f, swing: 1, silence_max: 1m}",
      "changes: {within: {i: 1}}",
      "dedupe: {within: 5s}",
      "sample: {one_in: 2}",
      "derive: {t: i * 2}",
      "rate: {of: [i, any], counter: true, total: true, by: b}",
      "anomaly: {of: [f, any], warm_up: 3}",
      "alert: {when: i >= 1, stream: s}",
      "convert: {f: F to C}",
      "cast: {t: int or keep, b: text or drop}",
      "cast: {i: float, any: bool}",
      "schema: {fields: [{name: any, type: text}, {name: f, type: int}]}",
      "schema: {drift: coerce}",
      "schema: {fields: [{name: i, type: float}, {name: any, type: text}], drift: reject}",
      "parse: {of: t, as: pairs}",
      "parse: {of: any, as: pairs, types: text, keep: true}",
      "parse: {of: t, as: json, else: pass}",
      "parse: {of: any, as: json, prefix: p.}",
      "parse: {of: t, as: delimited, names: [x], keep: true}",
      "parse: {of: any, as: pattern, pattern: '(?<i>\\d)', else: pass}",
      "split: {of: t}",
      "split: {of: any, as: e, else: pass}",
      "lookup: {text: \"t,i\\n1,x\\n\", of: t}",
      "rename: {fields: {t: f, f: t}}",
      "rename: {fields: {t: any}}",
      "merge: {streams: [m/a, m/b], every: 3s, wait: 1s, stream: m/c}",
      "drop: [f]",
      "select: [b, t, y]",
      "script: {text: \"record.t = record.i\"}",
      "window: {every: 5s, of: [i, b, t, any], by: [f], late: pass,\n"
      "    give: [mean, min, max, sum, first, last, stddev, p50, distinct, count, time_mean], "
      "keys_max: 100}",
      "window: {every: 2s, of: y, give: distinct, amend_for: 4s, by: any, keys_max: 100}"};
  std::size_t looked_at = 0, settled = 0, found = 0;
  for (const std::string& first : kinds) {
    for (const std::string& second : kinds) {
      std::string text = "  one: {from: known, " + first + "}\n  two: {from: one, " + second +
                         "}\n"
                         "  end: {from: [one, two], pass: {}}\n  last: {from: two, pass: {}}\n";
      for (const char* node : {"one", "two"}) {
        const bool late = (*node == 'o' ? first : second).find("late: pass") != std::string::npos;
        if (late) text += "  l" + std::string(node) + ": {from: " + node + ".late, pass: {}}\n";
      }
      const auto read = pipeline_of(text);
      if (!read) continue;  // They cannot work.
      const PipelineOptions& options = *read;
      make(options);
      FieldTypes types(options);
      ++looked_at;
      std::string wrong;
      pipeline->watch([&](std::string_view node, NodePort port, const Record& given) {
        const std::string name = std::string(node) + (port == NodePort::late      ? ".late"
                                                      : port == NodePort::drifted ? ".drifted"
                                                                                  : "");
        for (const NodeOptions& taker : options.nodes) {
          if (!std::ranges::contains(taker.from, name)) continue;
          for (std::size_t i = 0; i < given.cells().size(); ++i) {
            const FieldType type = field_type(given.cells()[i].type());
            const std::string& field = given.shape().fields()[i];
            if (type == FieldType::unknown) continue;
            const TypeSet set = types.before(taker, field).types;
            settled += set == config::kAnyType ? 0 : 1;
            ++found;
            if ((set & config::type_set(type)) == 0) {
              wrong += taker.name + " has " + field_type_name(type) + " in " + field + "; ";
            }
          }
        }
      });
      std::vector<Pipeline::Refused> refused;
      for (int i = 0; i < 60; ++i) {
        const std::int64_t now = i - static_cast<std::int64_t>(random() % 4);
        (void)give(any_record(now), instant(i));
        (void)pipeline->drain({instant(i), at(i)}, group, refused);
        if (i % 10 == 0) group.reset();
      }
      (void)pipeline->drain({instant(1'000), at(1'000)}, group, refused);
      group.reset();
      arena.reset();
      CAPTURE(text);
      CHECK(wrong == "");
    }
  }
  CHECK(looked_at > 400);
  CHECK(settled > found / 4);
}

}  // namespace
}  // namespace pinaflux
