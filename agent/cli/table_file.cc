// A file whose first letter is '{' is NDJSON; any other is a CSV (RFC 4180) with a header line.

#include "agent/cli/table_file.h"

#include <algorithm>
#include <array>

#include "agent/ingest/record_builder.h"
#include "platform/base/csv.h"
#include "platform/base/json_writer.h"
#include "platform/base/text.h"

namespace pinaflux::bench {

namespace {

struct Unit {
  std::string_view end;
  std::int64_t ns;
};
constexpr std::array<Unit, 4> kUnits = {
    {{"_s", 1'000'000'000}, {"_ms", 1'000'000}, {"_us", 1'000}, {"_ns", 1}}};
constexpr std::array<std::string_view, 5> kTimeNames = {"time", "timestamp", "ts", "date", "_time"};

// The unit that puts a count into this century; 0: it is no time.
std::int64_t unit_of(std::string_view text) {
  const auto count = parse_integer<std::int64_t>(text);
  if (!count || *count <= 0) return 0;
  std::int64_t ns = 1'000'000'000;
  for (std::int64_t size = *count; size > 100'000'000'000; size /= 1'000) ns /= 1'000;
  return ns;
}

// "2020-04-18 00:00:01" is RFC 3339 but for a letter and the offset.
std::optional<std::int64_t> calendar(std::string text) {
  if (text.size() > 10 && text[10] == ' ') text[10] = 'T';
  if (text.find_first_of("Z+", 10) == std::string::npos && text.rfind('-') < 10) text += 'Z';
  const auto ns = parse_rfc3339(text);
  return ns ? std::optional(*ns) : std::nullopt;
}

bool is_number(std::string_view text) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  const bool zero_led =
      digits.size() > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9';
  const bool written_otherwise = zero_led || digits.starts_with('.') || digits.ends_with('.');
  return !written_otherwise && parse_double(text).has_value();
}

std::size_t json_size(std::string_view text) {
  if (text.empty()) return 4;  // null
  if (text == "true" || text == "false" || is_number(text)) return text.size();
  std::string quoted;
  append_json_string(quoted, text);
  return quoted.size();
}

}  // namespace

Result<std::unique_ptr<TableFile>> TableFile::open(const std::string& path) {
  Lines lines(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!lines) return fail(Code::not_found, "the file cannot be opened");
  std::unique_ptr<TableFile> file(new TableFile(std::move(lines)));
  if (!file->next_line()) return fail(Code::invalid, "the file is empty");
  file->json_ = file->text_.starts_with('{');
  file->kept_ = file->json_;
  if (!file->json_) {
    if (Status s = file->begin_csv(); !s) return std::unexpected(s.error());
  }
  return file;
}

// Lines of nothing are passed over.
bool TableFile::next_line() {
  if (std::exchange(kept_, false)) return true;
  do {
    text_.clear();
    char block[4096];
    while (std::fgets(block, sizeof block, lines_.get()) != nullptr) {
      text_ += block;
      if (text_.ends_with('\n')) break;
    }
    if (text_.empty()) return false;
    ++line_;
    while (text_.ends_with('\n') || text_.ends_with('\r')) text_.pop_back();
  } while (text_.empty());
  return true;
}

Status TableFile::cut_cells() {
  cells_.clear();
  CsvCells cells(text_);
  while (cells.next()) {
    std::string& cell = cells_.emplace_back(cells.raw());
    if (cells.doubled()) cell.resize(undouble_quotes(cell.data(), cell.size()));
  }
  if (cells.mistake() != nullptr) return fail(Code::invalid, cells.mistake());
  return {};
}

Status TableFile::begin_csv() {
  if (text_.starts_with("\xef\xbb\xbf")) text_.erase(0, 3);
  if (Status s = cut_cells(); !s) return s;
  names_ = cells_;
  if (!next_line()) return {};
  if (Status s = cut_cells(); !s) return s;
  find_time();
  kept_ = true;
  std::vector<std::string_view> fields;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (i != time_column_) fields.emplace_back(names_[i]);
  }
  auto sorted = fields;
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end())
    return fail(Code::invalid, "two columns have one name");
  shape_ = shapes_.intern("bench", fields);
  return shape_ != nullptr ? Status() : fail(Code::invalid, "too many columns, or too long names");
}

// By its name, and by its first cell.
void TableFile::find_time() {
  for (std::size_t i = 0; i < std::min(names_.size(), cells_.size()) && !time_column_; ++i) {
    std::string_view name = names_[i];
    std::int64_t unit = 0;
    for (const Unit& u : kUnits) {
      if (!name.ends_with(u.end)) continue;
      name.remove_suffix(u.end.size());
      unit = u.ns;
      break;
    }
    const bool named = std::ranges::any_of(
        kTimeNames, [&](std::string_view n) { return equal_ignoring_case(n, name); });
    if (!named) continue;
    const bool counted = parse_integer<std::int64_t>(cells_[i]).has_value();
    if (!counted && !calendar(cells_[i])) continue;
    time_unit_ = !counted ? 0 : unit != 0 ? unit : unit_of(cells_[i]);
    if (!counted || time_unit_ != 0) time_column_ = i;
  }
}

Value TableFile::cell_of(std::string_view text) {
  if (text.empty()) return Value::null();
  if (text == "true" || text == "false") return Value::boolean(text == "true");
  if (!is_number(text)) return Value::text(arena_.copy(text));
  if (const auto i = parse_integer<std::int64_t>(text); i && text != "-0") return Value::int64(*i);
  if (const auto u = parse_integer<std::uint64_t>(text)) return Value::uint64(*u);
  return Value::float64(parse_double(text).value_or(0));
}

Status TableFile::row_of_csv(Row& row) {
  if (Status s = cut_cells(); !s) return s;
  if (cells_.size() != names_.size())
    return fail(Code::invalid, "a line has more or fewer cells than the first");
  const auto values = arena_.array<Value>(shape_->field_count());
  std::size_t field = 0;
  json_bytes_ += 1 + cells_.size();  // Braces, and the commas between.
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    json_bytes_ += json_size(names_[i]) + 1 + json_size(cells_[i]);
    if (i != time_column_) {
      values[field++] = cell_of(cells_[i]);
      continue;
    }
    const auto count = parse_integer<std::int64_t>(cells_[i]);
    const auto ns = time_unit_ == 0 ? calendar(cells_[i])
                    : count         ? std::optional(*count * time_unit_)
                                    : std::nullopt;
    if (!ns) return fail(Code::invalid, "a time cannot be read");
    row.time = {*ns, 0};
  }
  values_ += cells_.size();
  row.shape = shape_;
  row.values = values.data();
  return {};
}

Status TableFile::row_of_json(Row& row) {
  json_bytes_ += text_.size();
  const std::size_t size = text_.size();
  text_.append(kParsePadding, ' ');
  intake_.reset();
  builder_.begin(intake_, "bench");
  const bool read = reader_.read(std::string_view(text_).substr(0, size), builder_) &&
                    builder_.finish({}) && !intake_.records.empty();
  if (!read) return fail(Code::invalid, "a line is not one JSON object, or too large");
  row = intake_.records.back().row;
  const auto values = arena_.array<Value>(row.shape->field_count());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Value& v = row.values[i];
    values[i] = v.type() == Type::text ? Value::text(arena_.copy(v.as_text())) : v;
  }
  row.values = values.data();
  values_ += values.size() + (row.time == Stamp{} ? 0 : 1);
  return {};
}

Status TableFile::read(std::size_t most, std::vector<Row>& rows) {
  rows.clear();
  arena_.reset();
  while (rows.size() < most && next_line()) {
    Row row;
    if (Status s = json_ ? row_of_json(row) : row_of_csv(row); !s) return s;
    rows.push_back(row);
  }
  if (std::ferror(lines_.get()) != 0) return fail(Code::io, "the file cannot be read");
  return {};
}

}  // namespace pinaflux::bench
