// What is certain of fields behind each kind of node, and that nothing is reported of nodes that work. What is reported:
// bad/type_*.yaml. That no record brings anything else: field_types_records_test.cc.

#include "agent/config/field_types.h"

#include <algorithm>
#include <utility>

#include <doctest/doctest.h>

#include "agent/config/load.h"
#include "agent/pipeline/exact_value.h"
#include "tests/agent/config/config_kit.h"
#include "tests/agent/config/types_kit.h"

namespace pinaflux {
namespace {

using config::FieldTypes;
using config::TypeSet;

// Fields of each type, `any` of which nothing is known, and no others.
constexpr const char* kKnown =
    "  first: {from: machine, schema: {fields: [{name: b, type: bool}, {name: i, type: int},\n"
    "      {name: f, type: float}, {name: t, type: text}, {name: y, type: bytes}]}}\n"
    "  known: {from: first, select: [b, i, f, t, y, any]}\n";

struct TypesFixture {
  ConfigFiles files;

  Loaded load(const std::string& nodes) {
    return load_configuration_text(files, "pinaflux.yaml",
                                   "pinaflux: 1\n"
                                   "gateway: {id: gate}\n"
                                   "sources:\n"
                                   "  machine: {type: system}\n"
                                   "  n.late: {type: system}\n"
                                   "uplink: {broker: tcp://10.0.0.5}\n"
                                   "pipeline:\n" +
                                       std::string(kKnown) + nodes);
  }
  PipelineOptions options(const std::string& nodes) {
    auto loaded = load(nodes);
    CHECK(findings_text(loaded.findings) == "");
    REQUIRE(loaded.configuration.has_value());
    return std::move(loaded.configuration->pipeline);
  }
  // The first line that is said, without its place.
  std::string said(const std::string& nodes) {
    const auto loaded = load(nodes);
    return loaded.findings.empty() ? "" : loaded.findings.front().what;
  }
  // Of what comes to the node `end`: "any", "none", or "int float".
  std::string types(const std::string& nodes, std::string_view field) {
    const PipelineOptions pipeline = options(nodes);
    const auto end = std::ranges::find(pipeline.nodes, "end", &NodeOptions::name);
    REQUIRE(end != pipeline.nodes.end());
    const TypeSet set = FieldTypes(pipeline).before(*end, field).types;
    if (set == config::kAnyType) return "any";
    std::string text;
    for (int type = 1; type <= 5; ++type) {
      if ((set >> type & 1) == 0) continue;
      (text += text.empty() ? "" : " ") += field_type_name(static_cast<FieldType>(type));
    }
    return text.empty() ? "none" : text;
  }
  // Behind a node of that kind, which takes what is known.
  std::string behind(const std::string& kind, std::string_view field) {
    return types("  n: {from: known, " + kind + "}\n  end: {from: n, pass: {}}\n", field);
  }
};

TEST_CASE_FIXTURE(TypesFixture, "what passes records passes what is known of them") {
  for (const char* kind : {"pass: {}",
                           "filter: {field: any, exists: true}",
                           "where: i > 4",
                           "deadband: {of: t, within: 1}",
                           "deadband: {of: f, swing: 1, silence_max: 1m}",
                           "changes: {within: {t: 5}}",
                           "dedupe: {within: 1m}",
                           "sample: {every: 1m}",
                           "limit: {rate: 5, per: 1s}",
                           "derive: {new: f / 2}",
                           "rate: {of: [i, any]}",
                           "anomaly: {of: f}",
                           "alert: {when: i > 4}",
                           "convert: {f: F to C}",
                           "cast: {f: int}",
                           "schema: {fields: [{name: any, type: text}], drift: reject}",
                           "parse: {of: any, as: delimited, names: [x]}",
                           "split: {of: any}",
                           "lookup: {text: \"t,site\\na,x\\n\", of: t}",
                           "rename: {fields: {f: g}, stream: s}",
                           "merge: {streams: [m/a, m/b], every: 1s, wait: 1s, stream: m/c}",
                           "drop: [f]",
                           "select: [b, t, y]",
                           "window: {every: 1m, of: f, give: mean, by: [b, t, y]}"}) {
    CAPTURE(std::string(kind));
    CHECK(behind(kind, "b") == "bool");
    CHECK(behind(kind, "t") == "text");
    CHECK(behind(kind, "y") == "bytes");
    CHECK(behind(kind, "nobody") == "none");
  }
}

TEST_CASE_FIXTURE(TypesFixture, "what a node changes has the type that it gives") {
  struct Row {
    const char *kind, *field, *types;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"derive: {t: length(t)}", "t", "any"},
           {"select: [f]", "t", "none"},
           {"drop: [t]", "t", "none"},
           {"drop: [f]", "any", "any"},
           {"rename: {fields: {t: u}}", "t", "none"},
           {"rename: {fields: {t: u}}", "u", "text"},
           {"rename: {fields: {t: f, f: t}}", "t", "float"},
           {"rename: {fields: {t: f, f: t}}", "f", "text"},
           {"rename: {fields: {t: f}}", "f", "float text"},
           {"rename: {fields: {t: any}}", "any", "any"},
           {"convert: {i: F to C, any: F to C}", "i", "float"},
           {"convert: {i: F to C, any: F to C}", "any", "float"},
           {"cast: {f: text, any: int}", "f", "text"},
           {"cast: {f: text, any: int}", "any", "int"},
           {"cast: {t: int or drop}", "t", "int"},
           {"cast: {t: int or keep}", "t", "int text"},
           {"cast: {any: int or keep}", "any", "any"},
           {"parse: {of: any, as: pattern, pattern: '(?<x>a)'}", "x", "int float text"},
           {"parse: {of: any, as: pattern, pattern: '(?<x>a)', types: text, prefix: p.}", "p.x",
            "text"},
           {"parse: {of: any, as: pattern, pattern: '(?<x>a)', types: text, prefix: p.}", "x",
            "none"},
           {"parse: {of: any, as: pairs, types: text}", "i", "int text"},
           {"parse: {of: any, as: json}", "i", "any"},
           {"parse: {of: t, as: json, prefix: p.}", "t", "none"},
           {"parse: {of: t, as: json, prefix: p., else: pass}", "t", "text"},
           {"parse: {of: any, as: json, prefix: p., keep: true}", "any", "text"},
           {"parse: {of: any, as: json, prefix: p., keep: true, else: pass}", "any", "any"},
           {"parse: {of: any, as: delimited, names: [i, z]}", "i", "int float text"},
           {"parse: {of: any, as: delimited, names: [i, z]}", "f", "float"},
           {"split: {of: t, as: e}", "t", "none"},
           {"split: {of: t, as: e, else: pass}", "t", "text"},
           {"split: {of: t}", "t", "any"},
           {"split: {of: t, as: e}", "e", "any"},
           {"split: {of: t, as: e}", "e.x", "any"},
           {"split: {of: t, as: e}", "ex", "none"},
           {"lookup: {text: \"t,i\\na,x\\n\", of: t}", "i", "any"},
           {"lookup: {text: \"t,i,k\\na,x,y\\n\", of: t, give: k}", "i", "int"},
           {"lookup: {text: \"t,i,k\\na,x,y\\n\", of: t, give: k, prefix: s.}", "s.k", "any"},
           {"rate: {of: i, counter: true, total: true}", "i_rate", "float"},
           {"rate: {of: i, counter: true, total: true}", "i_total", "int float"},
           {"rate: {of: i}", "i_total", "none"},
           {"anomaly: {of: i}", "i_score", "float"},
           {"anomaly: {of: i}", "i_anomaly", "bool"},
           {"alert: {when: i > 4}", "alert_state", "text"},
           {"alert: {when: i > 4}", "alert_since", "int"},
           {"alert: {when: i > 4}", "alert_stream", "none"},
           {"alert: {when: i > 4, stream: s}", "alert_stream", "text"},
           {"merge: {streams: [m/a, b], every: 1s, wait: 1s, stream: m/c}", "a.t", "text"},
           {"merge: {streams: [m/a, b], every: 1s, wait: 1s, stream: m/c}", "b.any", "any"},
           {"merge: {streams: [m/a, b], every: 1s, wait: 1s, stream: m/c}", "c.t", "none"},
           {"schema: {fields: [{name: any, type: float}]}", "any", "float"},
           {"schema: {fields: [{name: any, type: float}]}", "t", "any"},
           {"schema: {fields: [{name: any, type: float}]}", "nobody", "none"},
           {"schema: {fields: [{name: any, type: float}]}", "i_text", "any"},
           {"schema: {drift: coerce}", "i_text", "none"},
           {"schema: {drift: coerce}", "t", "any"},
           {"schema: {drift: reject}", "i", "int float"},
           {"script: {text: \"record.t = 5\"}", "t", "any"},
           {"script: {text: \"record.t = 5\"}", "nobody", "any"},
           {"execd: {command: /usr/lib/score}", "t", "any"},
       }) {
    CAPTURE(std::string(row.kind));
    CAPTURE(std::string(row.field));
    files.put("/usr/lib/score", "#!/bin/sh\n", 0755);
    CHECK(behind(row.kind, row.field) == row.types);
  }
}

TEST_CASE_FIXTURE(TypesFixture,
                  "what a window gives, and nothing else, has the type of its statistic") {
  const std::string all =
      "window: {every: 1m, of: [i, b, t, t_max], by: [f, any], amend_for: 1m,\n"
      "    give: [mean, min, max, sum, first, last, stddev, p50, distinct, count], keys_max: 100}";
  const auto known = [&](std::string_view field) {
    return types("  m: {from: known, derive: {t_max: i}}\n  n: {from: m, " + all +
                     "}\n  end: {from: n, pass: {}}\n",
                 field);
  };
  for (const char* real : {"i_mean", "i_stddev", "i_p50", "b_mean"}) CHECK(known(real) == "float");
  for (const char* number : {"i_min", "i_max", "i_sum", "b_max", "f"}) {
    CHECK(known(number) == "int float");
  }
  for (const char* integer : {"t_distinct", "count", "revision"}) CHECK(known(integer) == "int");
  CHECK(known("i_first") == "int");
  CHECK(known("b_last") == "bool");
  CHECK(known("t_max_first") == "bool int float");
  CHECK(known("any") == "any");
  for (const char* none : {"t_mean", "t_first", "i", "b", "i_p51", "i_count", "y"}) {
    CHECK(known(none) == "none");
  }
}

TEST_CASE_FIXTURE(TypesFixture, "what comes by several ways may be what comes by any of them") {
  const std::string left = "  left: {from: known, cast: {any: int, t: float}}\n";
  const std::string right = "  right: {from: known, cast: {any: int}}\n";
  const std::string end = "  end: {from: [left, right], pass: {}}\n";
  CHECK(types(left + right + end, "any") == "int");
  CHECK(types(left + right + end, "t") == "float text");
  CHECK(types(left + right + end, "y") == "bytes");
  CHECK(types(left + right + "  end: {from: [right, left, machine], pass: {}}\n", "y") == "any");
  const std::string few = "  right: {from: known, select: [any]}\n";
  CHECK(types(left + few + end, "any") == "any");
  CHECK(types(left + few + end, "t") == "float");
  CHECK(types(few + left + end, "nobody") == "none");
}

TEST_CASE_FIXTURE(TypesFixture,
                  "a side port gives what came to its node, and a source may be named like one") {
  const std::string window =
      "  w: {from: known, window: {every: 1m, of: f, give: mean, late: pass}}\n";
  CHECK(types(window + "  end: {from: w.late, pass: {}}\n", "t") == "text");
  CHECK(types(window + "  end: {from: w.late, pass: {}}\n", "f_mean") == "none");
  const std::string schema =
      "  s: {from: known, schema: {fields: [{name: any, type: int}], drift: quarantine}}\n";
  CHECK(types(schema + "  end: {from: s.drifted, pass: {}}\n", "any") == "any");
  CHECK(types(schema + "  end: {from: s, pass: {}}\n", "any") == "int");
  CHECK(types("  n: {from: known, window: {every: 1m, of: f, give: mean}}\n"
              "  end: {from: n.late, pass: {}}\n",
              "t") == "any");
}

TEST_CASE_FIXTURE(
    TypesFixture,
    "a node of which a lane takes a side port is reached, and so are those before it") {
  const std::string nodes =
      "  w: {from: known, window: {every: 1m, of: f, give: mean, late: pass}}\n"
      "  s: {from: known, schema: {drift: quarantine}}\n"
      "  end: {from: s.drifted, pass: {}}\n"
      "lanes:\n  normal: {from: [w.late, machine, n.late, end]}\n";
  CHECK(findings_text(load(nodes).findings) == "");
}

TEST_CASE_FIXTURE(TypesFixture, "nothing is said of nodes that have something to work on") {
  for (const char* kind :
       {"window: {every: 1m, of: [i, f, b, any], give: [mean, max]}",
        "window: {every: 1m, of: [t, y, f], give: [mean, distinct], keys_max: 100}",
        "window: {every: 1m, give: count, by: [nobody]}",
        "deadband: {of: t, within: 0.5}",
        "deadband: {of: y, percent: 5}",
        "deadband: {of: f, swing: 1, silence_max: 1m}",
        "changes: {within: {t: 5, nobody: 2 %}}",
        "rate: {of: [i, f, any]}",
        "anomaly: {of: [i, f, any]}",
        "convert: {i: F to C, f: F to C, any: F to C}",
        "cast: {b: float, i: bool, f: int, t: bool, y: text, any: int}",
        "cast: {y: int or keep}",
        "cast: {y: float or drop}",
        "parse: {of: t, as: json}",
        "parse: {of: any, as: json}",
        "split: {of: t}",
        "lookup: {text: \"f,site\\n1,x\\n\", of: f}",
        "filter: {field: i, less: 5.5}",
        "filter: {field: f, not: 5}",
        "filter: {field: y, equals: a}",
        "filter: {field: b, equals: true}",
        "filter: {field: any, equals: a}",
        "filter: {field: t, exists: true}",
        "filter: {field: nobody, more: 5, missing: keep}",
        "select: [t, nobody]",
        "drop: nobody",
        "rename: {fields: {nobody: x}}",
        "where: nobody > 5 OR t > 5",
        "alert: {when: t > 5}",
        "derive: {x: t * 2}",
        "schema: {fields: [{name: b, type: float}, {name: i, type: text}, {name: f, type: bool},\n"
        "    {name: t, type: bytes}, {name: y, type: text}, {name: nobody, type: int}]}",
        "schema: {fields: [{name: i, type: float}, {name: t, type: text}], drift: reject}"}) {
    CAPTURE(std::string(kind));
    const auto loaded = load("  end: {from: known, " + std::string(kind) + "}\n");
    CHECK(findings_text(loaded.findings) == "");
  }
}

TEST_CASE_FIXTURE(TypesFixture,
                  "nothing is said where one way brings what is needed, or nobody knows") {
  const std::string rate = "  end: {from: [a, b], rate: {of: t}}\n";
  const std::string text = "  a: {from: known, pass: {}}\n";
  CHECK(said(text + "  b: {from: known, cast: {t: int}}\n" + rate).empty());
  CHECK(said("  b: {from: known, cast: {t: int}}\n" + text + rate).empty());
  CHECK(said(text + "  b: {from: known, script: {text: \"record.t = 5\"}}\n" + rate).empty());
  CHECK(said(text + "  b: {from: known, derive: {t: length(t)}}\n" + rate).empty());
  CHECK(said(text + "  b: {from: machine, pass: {}}\n" + rate).empty());
  CHECK(said(text + "  b: {from: known, rename: {fields: {t: f, f: t}}}\n" + rate).empty());
  CHECK(said(text + "  b: {from: known, pass: {}}\n" + rate) == "'t' is text, and has no rate");
  CHECK(said(text + "  b: {from: known, select: f}\n" + rate) == "'t' is text, and has no rate");
  CHECK(said(text + "  b: {from: known, rename: {fields: {t: f, f: t}}}\n"
                    "  end: {from: b, rate: {of: f}}\n") == "'f' is text, and has no rate");
}

TEST_CASE_FIXTURE(TypesFixture, "each kind that cannot work on a type says so, and of no other") {
  // By the types that clash: b i f t y.
  const std::pair<const char*, const char*> kinds[] = {
      {"window: {every: 1m, of: FIELD, give: [mean, p99]}", "ty"},
      {"deadband: {of: FIELD, swing: 1, silence_max: 1m}", "bty"},
      {"rate: {of: FIELD}", "bty"},
      {"anomaly: {of: FIELD}", "bty"},
      {"convert: {FIELD: F to C}", "bty"},
      {"cast: {FIELD: bool}", "y"},
      {"cast: {FIELD: int}", "y"},
      {"cast: {FIELD: float}", "y"},
      {"cast: {FIELD: text}", ""},
      {"parse: {of: FIELD, as: pairs}", "bify"},
      {"split: {of: FIELD, as: x}", "bify"},
      {"filter: {field: FIELD, at_least: 5}", "bty"},
      {"filter: {field: FIELD, at_least: 5.5}", "bty"},
      {"filter: {field: FIELD, less: a}", "bif"},
      {"filter: {field: FIELD, not: a}", ""},
      {"filter: {field: FIELD, equals: true}", "ifty"},
      {"schema: {fields: [{name: FIELD, type: bool}]}", "y"},
      {"schema: {fields: [{name: FIELD, type: int}], drift: coerce}", "y"},
      {"schema: {fields: [{name: FIELD, type: text}]}", ""},
      {"schema: {fields: [{name: FIELD, type: bytes}]}", "bif"},
      {"schema: {fields: [{name: FIELD, type: bool}], drift: reject}", "ifty"},
      {"schema: {fields: [{name: FIELD, type: int}], drift: reject}", "bfty"},
      {"schema: {fields: [{name: FIELD, type: float}], drift: reject}", "bty"},
      {"schema: {fields: [{name: FIELD, type: text}], drift: reject}", "bify"},
      {"schema: {fields: [{name: FIELD, type: bytes}], drift: reject}", "bift"},
  };
  for (const auto& [kind, clashing] : kinds) {
    std::string clash;
    for (const std::string field : {"b", "i", "f", "t", "y", "any"}) {
      std::string text = kind;
      text.replace(text.find("FIELD"), 5, field);
      const std::string what = said("  end: {from: known, " + text + "}\n");
      if (what.empty()) continue;
      clash += field;
      CHECK(what.starts_with("'" + field + "' is "));
    }
    CAPTURE(std::string(kind));
    CHECK(clash == clashing);
    if (std::string_view(kind).starts_with("schema")) continue;
    std::string text = kind;
    text.replace(text.find("FIELD"), 5, "nobody");
    CHECK(said("  end: {from: known, " + text + "}\n") == "no record that comes here has 'nobody'");
  }
}

}  // namespace

std::optional<PipelineOptions> pipeline_of(const std::string& nodes) {
  TypesFixture types;
  auto loaded = types.load(nodes);
  if (!loaded.configuration) return {};
  return std::move(loaded.configuration->pipeline);
}

}  // namespace pinaflux
