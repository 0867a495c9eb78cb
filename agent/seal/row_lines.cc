#include "agent/seal/row_lines.h"

#include <cmath>
#include <limits>

#include "agent/data/identity.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

// Of a name in line protocol; a line break has no spelling there, and becomes a blank; nor has a backslash before what is
// escaped, or at the end: it becomes a slash.
void append_escaped(std::string& to, std::string_view name, std::string_view special) {
  for (std::size_t at = 0; at < name.size(); ++at) {
    const char c = name[at];
    const char next = at + 1 < name.size() ? name[at + 1] : '\n';
    if (c == '\\') {
      to += next == '\n' || next == '\\' || special.contains(next) ? '/' : c;
      continue;
    }
    if (special.contains(c) || c == '\n') to += '\\';
    to += c == '\n' ? ' ' : c;
  }
}

void append_quoted(std::string& to, std::string_view text) {
  to += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') to += '\\';
    to += c;
  }
  to += '"';
}

bool has_spelling(const Value& v) {
  if (v.type() == Type::absent || v.type() == Type::null) return false;
  return v.type() != Type::float64 || std::isfinite(v.as_float64());
}

void append_field(std::string& to, const Value& v) {
  if (v.type() == Type::text) return append_quoted(to, v.as_text());
  if (v.type() == Type::bytes) return append_quoted(to, hex(v.as_bytes()));
  if (v.type() == Type::boolean) to += v.as_boolean() ? "true" : "false";
  if (v.type() == Type::float64) append_double(to, v.as_float64());
  if (v.type() == Type::int64) append_integer(to, v.as_int64()), to += 'i';
  if (v.type() == Type::uint64) append_unsigned(to, v.as_uint64()), to += 'u';
}

Value signed_value(const Value& v) {
  if (v.type() != Type::uint64) return v;
  const std::uint64_t number = v.as_uint64();
  if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return Value::float64(static_cast<double>(number));
  }
  return Value::int64(static_cast<std::int64_t>(number));
}

void append_tag(std::string& to, const char* name, std::string_view value) {
  to.append(",").append(name).append("=");
  append_escaped(to, value, ",= ");
}

std::string point_name(const std::string& field) {
  const bool ours = field.empty() || field.starts_with('_') || field == "time" ||
                    field == "gateway" || field == "lane";
  return ours ? "_" + field : field;
}

Value as_double(const Value& v) {
  if (v.type() == Type::int64) return Value::float64(static_cast<double>(v.as_int64()));
  if (v.type() == Type::uint64) return Value::float64(static_cast<double>(v.as_uint64()));
  return v;
}

}  // namespace

bool append_line_protocol(std::string& to, const RowIdentity& identity, const Row& row,
                          LineTypes types) {
  std::string fields;
  const auto names = row.shape->fields();
  const auto add = [&](std::string_view name, const Value& v) {
    if (!fields.empty()) fields += ',';
    append_escaped(fields, name, ",= ");
    fields += '=';
    append_field(fields, types == LineTypes::all ? v : signed_value(v));
  };
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (has_spelling(row.values[i])) add(names[i], row.values[i]);
  }
  if (fields.empty()) return false;
  if (row.time.boot != 0) {
    add("_since_boot_ns", Value::int64(row.time.ns));
    std::string boot;
    append_unsigned(boot, row.time.boot);
    add("_boot", types == LineTypes::all ? Value::uint64(row.time.boot) : Value::text(boot));
  }
  if (!identity.salvaged.empty()) {
    add("_salvaged", Value::text(identity.salvaged));
    add("_fields_lost", Value::uint64(identity.fields_lost));
  }
  append_escaped(to, row.shape->stream(), ", ");
  to += ' ' + fields;
  if (row.time.boot == 0) to += ' ' + std::to_string(row.time.ns);
  to += '\n';
  return true;
}

bool append_point(std::string& to, const RowIdentity& identity, const Row& row, std::uint64_t n) {
  std::string fields;
  const auto names = row.shape->fields();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!has_spelling(row.values[i])) continue;
    if (!fields.empty()) fields += ',';
    append_escaped(fields, point_name(names[i]), ",= ");
    fields += '=';
    append_field(fields, as_double(row.values[i]));
  }
  if (fields.empty()) return false;
  append_escaped(to, row.shape->stream(), ", ");
  append_tag(to, "gateway", identity.gateway);
  append_tag(to, "lane", identity.lane);
  if (row.time.boot != 0) append_tag(to, "_boot", std::to_string(row.time.boot));
  if (n > 0) append_tag(to, "_n", std::to_string(n));
  to += ' ' + fields + ' ' + std::to_string(row.time.ns) + '\n';
  return true;
}

}  // namespace pinaflux
