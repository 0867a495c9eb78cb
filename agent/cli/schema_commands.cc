#include "agent/cli/schema_commands.h"

#include <cstdio>

#include "agent/cli/exit_status.h"
#include "agent/pipeline/exact_value.h"
#include "agent/seal/row_json.h"
#include "platform/base/json_writer.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

using Item = StreamSchema::Item;

constexpr std::string_view kPrefix = "pipeline/";
constexpr const char* kKinds[] = {"missing", "retyped", "declared", "undeclared"};

const char* kind_said(Item::Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

std::string time_said(Stamp time) {
  return time.boot == 0 ? iso_time(time.ns) : "before the clock was trusted";
}

void put_time(JsonWriter& j, Stamp time) {
  j.key("time");
  if (time.boot == 0) {
    j.string(iso_time(time.ns));
  } else {
    j.null();
  }
}

void put_fields(JsonWriter& j, const StreamSchema& schema) {
  j.key("fields").begin_array();
  for (const auto& field : schema.fields) {
    j.begin_object().key("name").string(field.name);
    j.key("type").string(field_type_name(field.type));
    j.key("optional").boolean(field.optional).key("declared").boolean(field.declared);
    if (!field.unit.empty()) j.key("unit").string(field.unit);
    j.key("since").number(static_cast<std::uint64_t>(field.since)).end_object();
  }
  j.end_array();
}

void put_changes(JsonWriter& j, const StreamSchema& schema) {
  j.key("changes").begin_array();
  for (const auto& change : schema.changes) {
    j.begin_object().key("version").number(static_cast<std::uint64_t>(change.version));
    put_time(j, change.time);
    j.key("added").begin_array();
    for (const auto& field : schema.fields) {
      if (field.since == change.version) j.string(field.name);
    }
    j.end_array().key("changed").begin_array();
    for (const Item& item : change.items) {
      j.begin_object().key("field").string(schema.fields[item.field].name);
      j.key("what").string(kind_said(item.kind));
      if (item.from != item.to) {
        j.key("from").string(field_type_name(item.from)).key("to").string(field_type_name(item.to));
      }
      j.end_object();
    }
    j.end_array().key("more").number(static_cast<std::uint64_t>(change.more)).end_object();
  }
  j.end_array();
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
      text += between + printable(schema.fields[item.field].name) + " " + kind_said(item.kind);
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
    const std::size_t end = key.rfind('/');
    auto schema = StreamSchema::decode(as_bytes(value));
    if (!schema || !key.starts_with(kPrefix) || end <= kPrefix.size()) continue;
    schemas.push_back(
        {std::string(key.substr(kPrefix.size(), end - kPrefix.size())), std::move(*schema)});
  }
  return schemas;
}

std::string schemas_json(const std::vector<NodeSchema>& schemas, SchemaView view) {
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.schema/1").key("streams").begin_array();
  for (const auto& [node, schema] : schemas) {
    j.begin_object().key("stream").string(schema.stream).key("node").string(node);
    j.key("version").number(static_cast<std::uint64_t>(schema.version));
    put_time(j, schema.changes.empty() ? Stamp() : schema.changes.back().time);
    if (view == SchemaView::list) {
      j.key("field_count").number(static_cast<std::uint64_t>(schema.fields.size()));
    }
    if (view == SchemaView::show) put_fields(j, schema);
    if (view == SchemaView::diff) put_changes(j, schema);
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
