// SchemaFixture: a schema node in a pipeline, what comes of records, and what it knows, as text.
#pragma once

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "agent/pipeline/exact_value.h"
#include "agent/pipeline/stream_schema.h"
#include "platform/base/text.h"
#include "tests/agent/pipeline/pipeline_kit.h"

namespace pinaflux {

struct SchemaFixture : PipelineFixture {
  using PipelineFixture::make;
  void schema(SchemaCheck options) { make(NodeKind(std::move(options))); }
  void make(SchemaCheck::Drift drift, std::vector<SchemaCheck::Field> fields) {
    if (drift != SchemaCheck::Drift::quarantine) {
      return schema({.fields = std::move(fields), .drift = drift});
    }
    make(PipelineOptions{{"in"},
                         {{"n", {"in"}, SchemaCheck{.fields = std::move(fields), .drift = drift}}},
                         {{"out", {"n"}}, {"aside", {"n.drifted"}}}});
  }
  static SchemaCheck::Field temp() {
    return {.name = "temp",
            .type = FieldType::real,
            .unit = "C",
            .min = -40,
            .max = 150,
            .has_min = true,
            .has_max = true,
            .required = true};
  }

  static std::string told(const Value& value) {
    switch (value.type()) {
      case Type::boolean: return value.as_boolean() ? "true" : "false";
      case Type::int64: return std::to_string(value.as_int64());
      case Type::uint64: return std::to_string(value.as_uint64()) + "u";
      case Type::float64: {
        const std::string text = format_double(value.as_float64());
        return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
      }
      case Type::text: return "'" + std::string(value.as_text()) + "'";
      default: return type_name(value.type());
    }
  }
  static std::string told(const Record& record) {
    std::string text;
    for (std::size_t i = 0; i < record.cells().size(); ++i) {
      text += (i > 0 ? " " : "") + record.shape().fields()[i] + "=" + told(record.cells()[i]);
    }
    return text;
  }
  // What comes of the record in lane 0, or why nothing does.
  std::string comes(const Record& record) {
    const std::size_t before = group.records[0].size();
    if (give(record) == Pipeline::Verdict::refused) {
      const auto trouble = pipeline->trouble();
      return trouble ? std::string(trouble->node) + ": " + trouble->what : "refused";
    }
    return group.records[0].size() > before ? told(group.records[0].back()) : "nothing";
  }

  // Of a stream; without a version where there is none.
  StreamSchema known(std::string_view stream) const {
    for (const StateEdit& edit : pipeline->snapshot()) {
      auto schema = StreamSchema::decode(edit.value);
      if (schema && schema->stream == stream) return std::move(*schema);
    }
    return {};
  }
  // "1; 2 x missing +y"
  std::string history(std::string_view stream) const {
    static constexpr const char* kKinds[] = {"missing", "retyped", "declared", "undeclared"};
    std::string text;
    const StreamSchema schema = known(stream);
    for (const auto& change : schema.changes) {
      text += (text.empty() ? "" : "; ") + std::to_string(change.version);
      for (const auto& item : change.items) {
        const auto kind = static_cast<std::size_t>(item.kind);
        text += " " + schema.fields[item.field].name + " ";
        if (kind == 1)
          text += std::string(field_type_name(item.from)) + ">" + field_type_name(item.to);
        if (kind != 1) text += kKinds[kind];
        if (kind == 2) text += std::string(" ") + field_type_name(item.to);
      }
      for (const auto& field : schema.fields) {
        if (field.since == change.version && change.version > 1) text += " +" + field.name;
      }
    }
    return text;
  }
};

}  // namespace pinaflux
