#include "agent/pipeline/schema_rules.h"

#include <algorithm>
#include <cmath>

#include "agent/data/limits.h"
#include "agent/pipeline/exact_value.h"
#include "agent/pipeline/number_order.h"
#include "agent/pipeline/stream_schema.h"

namespace pinaflux {

namespace {

Status check_rule(const SchemaCheck::Field& field) {
  const bool number = field.type == FieldType::integer || field.type == FieldType::real;
  if (field.name.empty()) return fail(Code::invalid, "schema: a field has no name");
  if (field.type == FieldType::unknown) return fail(Code::invalid, "schema: a field has no type");
  if ((field.has_min || field.has_max) && !number) {
    return fail(Code::invalid, "schema: only a number has a range");
  }
  if ((field.has_min && !std::isfinite(field.min)) ||
      (field.has_max && !std::isfinite(field.max)) ||
      (field.has_min && field.has_max && field.min > field.max)) {
    return fail(Code::invalid, "schema: no number is in a field's range");
  }
  if (!field.one_of.empty() && field.type != FieldType::text && field.type != FieldType::integer) {
    return fail(Code::invalid, "schema: only text and integers have one_of");
  }
  return {};
}

}  // namespace

const char* SchemaRule::broken(const Value& value) const {
  if (!one_of.empty() &&
      std::ranges::none_of(one_of, [&](auto& one) { return identical(one, value); })) {
    return "is none of its one_of";
  }
  if (field.has_min || field.has_max) {
    if (std::isnan(value.to_double())) return "is no number, and has a range";
    if (field.has_min && compare_number(value, field.min) < 0) return "is below its min";
    if (field.has_max && compare_number(value, field.max) > 0) return "is above its max";
  }
  return nullptr;
}

std::size_t declared_bytes_max(const std::vector<SchemaCheck::Field>& fields) {
  std::size_t bytes = 64 + limits::kNameBytesMax + 8 * StreamSchema::kItemsMax;
  for (const SchemaCheck::Field& field : fields)
    bytes += field.name.size() + field.unit.size() + 12;
  return bytes;
}

Result<std::vector<SchemaRule>> make_rules(const std::vector<SchemaCheck::Field>& fields) {
  std::vector<SchemaRule> rules;
  std::string unused;
  for (const SchemaCheck::Field& field : fields) {
    if (auto s = check_rule(field); !s) return std::unexpected(s.error());
    if (std::ranges::any_of(rules, [&](auto& r) { return r.field.name == field.name; })) {
      return fail(Code::invalid, "schema: a field is declared twice");
    }
    SchemaRule& rule = rules.emplace_back(SchemaRule{.field = field, .one_of = {}});
    for (const std::string& one : rule.field.one_of) {
      const auto value = exactly(Value::text(one), field.type, unused);
      if (!value) return fail(Code::invalid, "schema: one_of has what is no integer");
      rule.one_of.push_back(*value);
    }
  }
  return rules;
}

}  // namespace pinaflux
