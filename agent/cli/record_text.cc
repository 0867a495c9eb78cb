#include "agent/cli/record_text.h"

#include <algorithm>

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

}  // namespace pinaflux
