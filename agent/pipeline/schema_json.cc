#include "agent/pipeline/schema_json.h"

#include "agent/pipeline/exact_value.h"
#include "agent/seal/row_json.h"

namespace pinaflux {

namespace {

using Item = StreamSchema::Item;

void put_field(JsonWriter& j, const StreamSchema::Field& field) {
  j.begin_object().key("name").string(field.name);
  j.key("type").string(field_type_name(field.type));
  j.key("optional").boolean(field.optional).key("declared").boolean(field.declared);
  if (!field.unit.empty()) j.key("unit").string(field.unit);
  j.key("since").number(static_cast<std::uint64_t>(field.since)).end_object();
}

}  // namespace

const char* schema_item_name(Item::Kind kind) {
  static constexpr const char* kNames[] = {"missing", "retyped", "declared", "undeclared"};
  return kNames[static_cast<std::size_t>(kind)];
}

void put_schema_time(JsonWriter& j, Stamp time) {
  j.key("time");
  if (time.boot == 0) {
    j.string(iso_time(time.ns));
  } else {
    j.null();
  }
}

void put_schema_fields(JsonWriter& j, const StreamSchema& schema) {
  j.key("fields").begin_array();
  for (const auto& field : schema.fields) put_field(j, field);
  j.end_array();
}

void put_schema_changes(JsonWriter& j, const StreamSchema& schema) {
  j.key("changes").begin_array();
  for (const auto& change : schema.changes) {
    j.begin_object().key("version").number(static_cast<std::uint64_t>(change.version));
    put_schema_time(j, change.time);
    j.key("added").begin_array();
    for (const auto& field : schema.fields) {
      if (field.since == change.version) j.string(field.name);
    }
    j.end_array().key("changed").begin_array();
    for (const Item& item : change.items) {
      j.begin_object().key("field").string(schema.fields[item.field].name);
      j.key("what").string(schema_item_name(item.kind));
      if (item.from != item.to) {
        j.key("from").string(field_type_name(item.from)).key("to").string(field_type_name(item.to));
      }
      j.end_object();
    }
    j.end_array().key("more").number(static_cast<std::uint64_t>(change.more)).end_object();
  }
  j.end_array();
}

std::string schema_notice(std::string_view gateway, std::string_view node,
                          const StreamSchema& schema) {
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.stream/1").key("gateway").string(gateway);
  j.key("stream").string(schema.stream).key("node").string(node);
  j.key("version").number(static_cast<std::uint64_t>(schema.version));
  put_schema_time(j, schema.changes.empty() ? Stamp() : schema.changes.back().time);
  j.key("fields").begin_array();
  std::uint64_t more = 0;
  for (const auto& field : schema.fields) {
    JsonWriter one;
    put_field(one, field);
    const bool fits = j.text().size() + one.text().size() + 32 <= kSchemaNoticeBytesMax;
    if (more > 0 || !fits) {
      ++more;
    } else {
      j.raw(one.text());
    }
  }
  return j.end_array().key("more").number(more).end_object().take();
}

}  // namespace pinaflux
