#include "agent/cli/record_text.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "agent/data/identity.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

void append_cell(std::string& to, std::string_view text) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    to += text;
    return;
  }
  to += '"';
  for (const char c : text) to.append(c == '"' ? 2 : 1, c);
  to += '"';
}

void append_value(std::string& to, const Value& v) {
  switch (v.type()) {
    case Type::absent:
    case Type::null: return;
    case Type::boolean: to += v.as_boolean() ? "true" : "false"; return;
    case Type::int64: return append_integer(to, v.as_int64());
    case Type::uint64: return append_unsigned(to, v.as_uint64());
    case Type::float64: return append_double(to, v.as_float64());
    case Type::text: return append_cell(to, v.as_text());
    case Type::bytes: to += hex(v.as_bytes()); return;
  }
}

// Of a name in line protocol; a line break has no spelling there, and becomes a blank.
void append_escaped(std::string& to, std::string_view name, std::string_view special) {
  for (const char c : name) {
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
  append_value(to, v);
  if (v.type() == Type::int64) to += 'i';
  if (v.type() == Type::uint64) to += 'u';
}

}  // namespace

std::vector<std::string> csv_columns(std::span<const Row> rows) {
  std::vector<std::string> columns;
  std::unordered_set<std::string_view> known;
  std::unordered_set<const Shape*> seen;
  for (const Row& row : rows) {
    if (!seen.insert(row.shape).second) continue;
    for (const std::string& field : row.shape->fields()) {
      if (known.insert(field).second) columns.push_back(field);
    }
  }
  return columns;
}

std::string csv_header(std::span<const std::string> columns) {
  std::string text = "_stream,_seq,_time";
  for (const std::string& column : columns) {
    text += ',';
    append_cell(text, column.starts_with('_') ? "_" + column : column);
  }
  return text + '\n';
}

void append_csv(std::string& to, const RowIdentity& identity, const Row& row,
                std::span<const std::string> columns) {
  append_cell(to, row.shape->stream());
  to += ',';
  append_unsigned(to, identity.seq);
  to += ',';
  if (row.time.boot == 0) to += iso_time(row.time.ns);
  if (row.time.boot != 0) to += std::to_string(row.time.ns) + "ns@" + std::to_string(row.time.boot);
  for (const std::string& column : columns) {
    to += ',';
    const int field = row.shape->find(column);
    if (field >= 0) append_value(to, row.values[field]);
  }
  to += '\n';
}

bool append_line_protocol(std::string& to, const Row& row) {
  std::string fields;
  const auto names = row.shape->fields();
  const auto add = [&](std::string_view name, const Value& v) {
    if (!fields.empty()) fields += ',';
    append_escaped(fields, name, ",= ");
    fields += '=';
    append_field(fields, v);
  };
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (has_spelling(row.values[i])) add(names[i], row.values[i]);
  }
  if (fields.empty()) return false;
  if (row.time.boot != 0) {
    add("_since_boot_ns", Value::int64(row.time.ns));
    add("_boot", Value::uint64(row.time.boot));
  }
  append_escaped(to, row.shape->stream(), ", ");
  to += ' ' + fields;
  if (row.time.boot == 0) to += ' ' + std::to_string(row.time.ns);
  to += '\n';
  return true;
}

}  // namespace pinaflux
