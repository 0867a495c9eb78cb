// Nodes that know which fields a stream has.
#include <algorithm>
#include <set>

#include "agent/config/build.h"
#include "agent/pipeline/exact_value.h"
#include "agent/pipeline/key_limits.h"
#include "agent/pipeline/pipeline.h"
#include "agent/pipeline/schema_rules.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

std::string field_said(const std::string& name) { return "'" + printable(name, 40) + "'"; }

// What is no number has been said.
std::optional<double> bound_of(const Reader& r, const char* name) {
  return r.has(name) ? parse_double(r.text(name)) : std::nullopt;
}

void check_range(const Reader& r, const SchemaCheck::Field& field, Findings& findings) {
  const char* given = field.has_min ? "min" : "max";
  if (!field.has_min && !field.has_max) return;
  if (field.type != FieldType::integer && field.type != FieldType::real) {
    findings.error(r.key_place(given), "only a number has a range",
                   "remove '" + std::string(given) + "', or say type: float");
  } else if (field.has_min && field.has_max && field.min > field.max) {
    findings.error(r.value_place("max"), "'max' is below 'min'",
                   "no value would be in the range: swap them");
  }
}

void check_one_of(const Reader& r, const SchemaCheck::Field& field, Findings& findings) {
  if (field.one_of.empty()) return;
  if (field.type != FieldType::text && field.type != FieldType::integer) {
    findings.error(r.key_place("one_of"), "only text and int have 'one_of'",
                   "remove it; a float may have min and max");
    return;
  }
  std::string unused;
  const Node* list = r.node("one_of");
  for (std::size_t i = 0; i < field.one_of.size(); ++i) {
    if (exactly(Value::text(field.one_of[i]), field.type, unused)) continue;
    const bool item = list != nullptr && i < list->items.size();
    findings.error(item ? list->items[i].place : r.value_place("one_of"),
                   "this is no value of an int field", "write whole numbers, or say type: text");
  }
}

SchemaCheck::Field build_field(const Reader& r, Findings& findings) {
  SchemaCheck::Field field;
  field.name = r.text("name");
  field.type = field_type_named(r.text("type")).value_or(FieldType::unknown);
  field.unit = r.text("unit");
  const auto min = bound_of(r, "min"), max = bound_of(r, "max");
  field.has_min = min.has_value();
  field.has_max = max.has_value();
  field.min = min.value_or(0.0);
  field.max = max.value_or(0.0);
  field.required = r.boolean("required");
  field.one_of = r.texts("one_of");
  if (field.type == FieldType::unknown) return field;  // Said.
  check_range(r, field, findings);
  check_one_of(r, field, findings);
  return field;
}

}  // namespace

SchemaCheck build_schema(const Reader& r, Findings& findings) {
  using Drift = SchemaCheck::Drift;
  static constexpr std::pair<const char*, Drift> kDrifts[] = {
      {"coerce", Drift::coerce}, {"quarantine", Drift::quarantine}, {"reject", Drift::reject}};
  SchemaCheck schema;
  for (const auto& [name, drift] : kDrifts) {
    if (r.text("drift") == name) schema.drift = drift;
  }
  schema.streams_max =
      static_cast<std::size_t>(std::clamp<std::int64_t>(r.integer("streams_max"), 1, 1'024));
  schema.fields_max =
      static_cast<std::size_t>(std::clamp<std::int64_t>(r.integer("fields_max"), 1, 4'096));
  std::set<std::string> names;
  for (const Named& item : r.names("fields")) {
    SchemaCheck::Field field = build_field(item.reader, findings);
    if (field.name.empty()) continue;  // Said.
    if (!names.insert(field.name).second) {
      findings.error(item.reader.value_place("name"), field_said(field.name) + " is declared twice",
                     "keep one of them");
      continue;
    }
    schema.fields.push_back(std::move(field));
  }
  if (schema.fields.size() > schema.fields_max) {
    findings.error(r.key_place("fields"), "more fields are declared than a stream may have",
                   "say fields_max: " + std::to_string(schema.fields.size()) + " or more");
  }
  const std::size_t fit = kKeysBytesMax / declared_bytes_max(schema.fields);
  if (schema.streams_max > fit) {
    findings.error(r.has("streams_max") ? r.value_place("streams_max") : r.key_place("fields"),
                   "so many declared fields of " + std::to_string(schema.streams_max) +
                       " streams are too much to remember",
                   fit > 0 ? "say streams_max: " + std::to_string(fit) + ", or declare fewer fields"
                           : "declare fewer fields");
  }
  return schema;
}

}  // namespace pinaflux::config
