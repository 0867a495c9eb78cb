// WindowFixture: a window node in a pipeline, and what it gives as text.
#pragma once

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {

struct WindowFixture : PipelineFixture {
  static TimeWindow minute(std::vector<std::string> give = {"mean"}) {
    return {
        .every = Duration::seconds(60), .of = {"t"}, .give = std::move(give), .keys_max = 1'000};
  }

  // Everything that waits, in lane 0: "second: values"; and what was in the lane before.
  std::vector<std::string> drained(std::int64_t now = 0) {
    refused.clear();
    CHECK(pipeline->drain({instant(now), {}}, group, refused));
    std::vector<std::string> lines;
    for (const Record& r : group.records[0]) {
      std::string line = std::to_string(r.time().ns / 1'000'000'000);
      if (r.time().boot != 0) line += "#" + std::to_string(r.time().boot);
      line += ":";
      for (const Value& v : r.cells()) line += " " + text(v);
      lines.push_back(line);
    }
    group.records[0].clear();
    return lines;
  }

  static std::string text(const Value& v) {
    switch (v.type()) {
      case Type::absent: return "-";
      case Type::boolean: return v.as_boolean() ? "true" : "false";
      case Type::int64: return std::to_string(v.as_int64());
      case Type::float64: {
        char digits[32];
        std::snprintf(digits, sizeof digits, "%.6g", v.as_float64());
        return digits;
      }
      case Type::text: return std::string(v.as_text());
      default: return type_name(v.type());
    }
  }

  void take(const Record& r, std::int64_t now = 0) {
    CHECK(give(r, instant(now)) == Pipeline::Verdict::taken);
  }

  // Made anew, with the state that it has.
  void make_again(const TimeWindow& w) {
    const auto states = pipeline->snapshot();
    make(NodeKind(w));
    pipeline->restore(states);
  }

  bool accepted(const TimeWindow& w) {
    return Pipeline::make({{"in"}, {{"n", {"in"}, w}}, {{"x", {"n"}}}}, shapes).has_value();
  }

  std::vector<Pipeline::Refused> refused;
  std::uint64_t calls = 0;  // Of the heap.
};

using Lines = std::vector<std::string>;

}  // namespace pinaflux
