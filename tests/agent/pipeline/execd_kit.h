// ExecdFixture: an execd node in a pipeline, and the text that goes to its process and comes back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "agent/pipeline/outside.h"
#include "agent/seal/row_json.h"
#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {

struct ExecdFixture : PipelineFixture {
  using Lines = std::vector<std::string>;

  static Execd options() { return {.command = {"/usr/lib/score", "--fast"}}; }
  void execd(const Execd& o = options()) {
    make(NodeKind(o));
    outside().began();
  }
  Outside& outside() { return *pipeline->outsides().at(0).outside; }

  // What the process is asked, line by line.
  Lines asked() {
    std::string text;
    for (Bytes more = outside().unwritten(); !more.empty(); more = outside().unwritten()) {
      text += as_text(more);
      outside().wrote(more.size());
    }
    Lines lines;
    while (!text.empty()) {
      lines.push_back(text.substr(0, text.find('\n')));
      text.erase(0, lines.back().size() + 1);
    }
    return lines;
  }

  // Why it is no answer; empty: it is one.
  std::string answer(std::string_view line) {
    const char* const why = outside().answered(as_bytes(std::string(line) + "\n"));
    return why == nullptr ? "" : why;
  }

  // What came to lane 0 since the last call, as "stream @second {fields}", and "refused: why" for each refusal.
  Lines drained() {
    std::vector<Pipeline::Refused> refused;
    CHECK(pipeline->drain({}, group, refused));
    Lines lines;
    for (const Record& record : group.records[0]) {
      lines.push_back(std::string(record.shape().stream()) + " @" +
                      std::to_string(record.time().ns / 1'000'000'000) + " " +
                      json_fields(record.row()));
    }
    group.records[0].clear();
    for (const auto& its : refused) {
      const auto trouble = pipeline->trouble();
      REQUIRE((its.node == "n" && its.reason == Reason::node_failed));
      lines.push_back("refused" + std::string(its.giver.empty() ? "" : " behind ") +
                      std::string(its.giver) + ": " + (trouble ? trouble->what : ""));
    }
    return lines;
  }

  Record boiler(std::int64_t value, std::int64_t second = 1) {
    return record("boiler", {{"v", Value::int64(value)}}, at(second));
  }
  void take(const Record& record) { CHECK(give(record) == Pipeline::Verdict::taken); }
};

}  // namespace pinaflux
