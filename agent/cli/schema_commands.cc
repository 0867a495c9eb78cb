#include "agent/cli/schema_commands.h"

#include <cstdio>

#include "agent/cli/exit_status.h"
#include "agent/pipeline/exact_value.h"
#include "agent/pipeline/schema_json.h"
#include "agent/seal/row_json.h"
#include "platform/base/json_writer.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

using Item = StreamSchema::Item;

std::string time_said(Stamp time) {
  return time.boot == 0 ? iso_time(time.ns) : "before the clock was trusted";
}

std::string title(const NodeSchema& its) {
  const StreamSchema& schema = its.schema;
  std::string text = printable(schema.stream) + " (node " + its.node + "): version " +
                     std::to_string(schema.version) + ", " + std::to_string(schema.fields.size()) +
                     " fields";
  if (!schema.changes.empty()) text += ", " + time_said(schema.changes.back().time);
  return text + "\n";
}

std::string fields_text(const StreamSchema& schema) {
  std::string text;
  for (const auto& field : schema.fields) {
    text += "  " + printable(field.name) + ": " + field_type_name(field.type);
    if (!field.unit.empty()) text += " in " + printable(field.unit);
    if (field.declared) text += ", declared";
    text +=
        (field.optional ? ", optional" : "") + (", since version " + std::to_string(field.since));
    text += "\n";
  }
  return text;
}

// "  version 2, 2026-11-28T22:00:00Z: level is float, was int; no flow; new: x, y"
std::string changes_text(const StreamSchema& schema) {
  std::string text;
  for (const auto& change : schema.changes) {
    text += "  version " + std::to_string(change.version) + ", " + time_said(change.time) + ":";
    const char* between = " ";
    for (const auto& field : schema.fields) {
      if (field.since != change.version) continue;
      text += between + ("new " + printable(field.name));
      between = ", ";
    }
    for (const Item& item : change.items) {
      text +=
          between + printable(schema.fields[item.field].name) + " " + schema_item_name(item.kind);
      if (item.from != item.to) {
        text +=
            std::string(" from ") + field_type_name(item.from) + " to " + field_type_name(item.to);
      }
      between = ", ";
    }
    if (change.more > 0) text += between + std::to_string(change.more) + " more";
    text += "\n";
  }
  return text;
}

}  // namespace

std::vector<NodeSchema> read_schemas(Bytes answer) {
  std::vector<NodeSchema> schemas;
  for (Reader from(answer); from.left() > 0;) {
    const std::string_view key = from.text(), value = from.text();
    if (from.failed()) break;
    if (auto its = schema_of_state(key, as_bytes(value))) schemas.push_back(std::move(*its));
  }
  return schemas;
}

std::string schemas_json(const std::vector<NodeSchema>& schemas, SchemaView view) {
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.schema/1").key("streams").begin_array();
  for (const auto& [node, schema] : schemas) {
    j.begin_object().key("stream").string(schema.stream).key("node").string(node);
    j.key("version").number(static_cast<std::uint64_t>(schema.version));
    put_schema_time(j, schema.changes.empty() ? Stamp() : schema.changes.back().time);
    if (view == SchemaView::list) {
      j.key("field_count").number(static_cast<std::uint64_t>(schema.fields.size()));
    }
    if (view == SchemaView::show) put_schema_fields(j, schema);
    if (view == SchemaView::diff) put_schema_changes(j, schema);
    j.end_object();
  }
  return j.end_array().end_object().take() + "\n";
}

std::string schemas_text(const std::vector<NodeSchema>& schemas, SchemaView view) {
  std::string text;
  for (const NodeSchema& its : schemas) {
    text += title(its);
    if (view == SchemaView::show) text += fields_text(its.schema);
    if (view == SchemaView::diff) text += changes_text(its.schema);
  }
  return text;
}

int schema_command(const QueueTarget& target, SchemaView view, const std::string& stream,
                   bool json) {
  int status = kExitOk;
  auto session = QueueSession::open(target, status);
  if (!session) return status;
  Buffer answer;
  status = session->run("schemas", "reading", [&](Bytes bytes) {
    append(answer, bytes);
    return Status();
  });
  if (status != kExitOk) return status;
  auto schemas = read_schemas(answer);
  if (!stream.empty()) {
    std::erase_if(schemas, [&](const NodeSchema& its) { return its.schema.stream != stream; });
  }
  if (schemas.empty() && !json) {
    std::fputs(stream.empty() ? "pinaflux: no node of kind schema has seen a record yet\n"
                              : "pinaflux: of this stream no schema is known: see `pinaflux "
                                "schema list`\n",
               stderr);
  }
  std::fputs((json ? schemas_json(schemas, view) : schemas_text(schemas, view)).c_str(), stdout);
  return schemas.empty() && !stream.empty() ? kExitData : kExitOk;
}

}  // namespace pinaflux
