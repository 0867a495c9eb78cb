#include "agent/cli/record_text.h"

#include <algorithm>
#include <cmath>

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

Status CsvTable::add(std::span<const Row> rows) {
  const Shape* last = nullptr;
  for (const Row& row : rows) {
    if (row.shape == last) continue;
    last = row.shape;
    for (const std::string& field : row.shape->fields()) {
      const auto number = static_cast<std::uint32_t>(columns_.size());
      if (!numbers_.emplace(field, number).second) continue;
      names_bytes_ += field.size();
      if (columns_.size() >= kColumnsMax || names_bytes_ > kNamesBytesMax) {
        return fail(Code::full, "more different fields than a CSV may have: use another --format");
      }
      columns_.push_back(field);
    }
  }
  mapped_ = nullptr;
  return {};
}

bool CsvTable::has_all(std::span<const Row> rows) const {
  const Shape* last = nullptr;
  return std::ranges::all_of(rows, [&](const Row& row) {
    if (row.shape == last) return true;
    last = row.shape;
    return std::ranges::all_of(row.shape->fields(),
                               [&](const std::string& f) { return numbers_.contains(f); });
  });
}

std::string CsvTable::header() const {
  std::string text = "_stream,_seq,_time";
  if (marked_) text += ",_salvaged,_fields_lost";
  for (const std::string& column : columns_) {
    text += ',';
    append_cell(text, column.starts_with('_') ? "_" + column : column);
  }
  return text + '\n';
}

void CsvTable::map(const Shape& shape) {
  mapped_ = &shape;
  fields_.assign(columns_.size(), -1);
  const auto fields = shape.fields();
  for (std::size_t f = 0; f < fields.size(); ++f) {
    if (const auto at = numbers_.find(fields[f]); at != numbers_.end())
      fields_[at->second] = static_cast<std::int32_t>(f);
  }
}

void CsvTable::append(std::string& to, const RowIdentity& identity, const Row& row) {
  if (row.shape != mapped_) map(*row.shape);
  append_cell(to, row.shape->stream());
  to += ',';
  if (identity.seq_known) append_unsigned(to, identity.seq);
  to += ',';
  if (row.time.boot == 0) to += iso_time(row.time.ns);
  if (row.time.boot != 0) to += std::to_string(row.time.ns) + "ns@" + std::to_string(row.time.boot);
  if (marked_) to.append(",").append(identity.salvaged).append(",");
  if (marked_ && !identity.salvaged.empty()) append_unsigned(to, identity.fields_lost);
  for (const std::int32_t field : fields_) {
    to += ',';
    if (field >= 0) append_value(to, row.values[field]);
  }
  to += '\n';
}

bool append_line_protocol(std::string& to, const RowIdentity& identity, const Row& row) {
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

}  // namespace pinaflux
