#include "agent/cli/record_text.h"

#include <algorithm>

#include "agent/seal/row_csv.h"
#include "platform/base/text.h"

namespace pinaflux {

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
    append_csv_name(text, column);
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
  append_csv_text(to, row.shape->stream());
  to += ',';
  if (identity.seq_known) append_unsigned(to, identity.seq);
  to += ',';
  append_csv_time(to, row.time);
  if (marked_) to.append(",").append(identity.salvaged).append(",");
  if (marked_ && !identity.salvaged.empty()) append_unsigned(to, identity.fields_lost);
  for (const std::int32_t field : fields_) {
    to += ',';
    if (field >= 0) append_csv_value(to, row.values[field]);
  }
  to += '\n';
}

}  // namespace pinaflux
