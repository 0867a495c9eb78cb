// PipelineFixture: records made by a Masker without rules, a pipeline from options, lanes read back as text.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "agent/mask/masker.h"
#include "agent/pipeline/pipeline.h"
#include "agent/pipeline/step.h"
#include "agent/vault/vault.h"
#include "platform/base/text.h"

namespace pinaflux {

// What a step alone makes of one record.
struct StepFlow final : Flow {
  StepFlow(Step& step, const Record& record, Arena& arena) : Flow({}, 0, arena, arena) {
    step.take(record, *this);
  }
  void emit(const Record& record, NodePort) override { emitted.push_back(record); }
  void refuse(Reason reason) override { refused = reason; }

  std::vector<Record> emitted;
  std::optional<Reason> refused;
};

struct RecordFixture {
  using Cells = std::vector<std::pair<std::string, Value>>;

  RecordFixture() { masker = std::move(Masker::make({}, shapes, vault).value()); }

  Record record(std::string_view stream, const Cells& cells, Stamp time = {}) {
    std::vector<std::string_view> names;
    std::vector<Value> values;
    for (const auto& [name, value] : cells) {
      names.push_back(name);
      values.push_back(value);
    }
    const Shape* shape = shapes.intern(stream, names);
    REQUIRE(shape != nullptr);
    auto outcome = masker->mask({Row{shape, values.data(), time}}, arena);
    REQUIRE(outcome.record.has_value());
    return *outcome.record;
  }

  // A reading of `t` on stream "s" at a second.
  Record reading(double t, std::int64_t second = 0) {
    return record("s", {{"t", Value::float64(t)}}, at(second));
  }

  static Stamp at(std::int64_t second, std::uint64_t boot = 0) {
    return {second * 1'000'000'000, boot};
  }
  static Instant instant(std::int64_t second) { return {second * 1'000'000'000}; }

  Shapes shapes;
  Vault vault;
  Arena arena{1024 * 1024};
  std::unique_ptr<Masker> masker;
};

struct PipelineFixture : RecordFixture {
  void make(PipelineOptions options) {
    auto made = Pipeline::make(options, shapes);
    REQUIRE(made.has_value());
    pipeline = std::move(*made);
  }

  // One source "in", one node "n" of this kind, one lane "out" behind it.
  void make(NodeKind kind) {
    make(PipelineOptions{{"in"}, {{"n", {"in"}, std::move(kind)}}, {{"out", {"n"}}}});
  }

  Pipeline::Verdict give(const Record& record, Instant now = {}, SourceIndex source = 0) {
    const auto outcome = pipeline->process(source, record, {now, turn}, group);
    reason = outcome.reason;
    node = outcome.node;
    return outcome.verdict;
  }

  // Whether the record, given to source 0, came to lane 0.
  bool keeps(const Record& record, Instant now = {}) {
    const std::size_t before = group.records[0].size();
    CHECK(give(record, now) == Pipeline::Verdict::taken);
    return group.records[0].size() > before;
  }

  std::vector<StateEdit> saved() {
    group.states.clear();
    pipeline->save(group);
    return group.states;
  }

  Group group;
  std::unique_ptr<Pipeline> pipeline;
  Stamp turn;  // Of what is given.
  Reason reason{};
  std::string node;  // That refused it.
};

}  // namespace pinaflux
