// One probe for texts and numbers: a text that can be read as a number has that number's hash, so that the number 5, the text "5" and the cell
// 5.0 meet in one place, and are told apart there. Cells are views of the text, which is cut once, at load.

#include "agent/pipeline/lookup_table.h"

#include <algorithm>
#include <array>
#include <bit>

#include "agent/data/limits.h"
#include "agent/pipeline/band_table.h"
#include "agent/pipeline/node_key.h"
#include "agent/pipeline/pieces.h"
#include "platform/base/csv.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::size_t kNotGiven = static_cast<std::size_t>(-1);

// The bytes that two numbers have in common if they are the same.
struct NumberBytes {
  explicit NumberBytes(const Value& number) {
    KeyWriter writer(bytes);
    writer.value(number);
  }
  std::array<char, 9> bytes;
};

std::uint64_t lookup_hash(const Value& value) {
  const Value read = value.is_view() ? number_or_text(value.as_text()) : value;
  if (read.is_view()) return stable_hash(read.as_text());
  const NumberBytes number(read);
  return stable_hash({number.bytes.data(), number.bytes.size()});
}

bool is_same_number(const Value& number, std::string_view text) {
  const Value read = number_or_text(text);
  return read.is_number() && NumberBytes(read).bytes == NumberBytes(number).bytes;
}

bool matches_cell(const Value& value, std::string_view cell) {
  return value.is_view() ? value.as_text() == cell : is_same_number(value, cell);
}

// What `value` is compared as: a text or a number; absent: nothing is equal to it.
Value comparable_key(const Value& value) {
  switch (value.type()) {
    case Type::boolean: return Value::text(value.as_boolean() ? "true" : "false");
    case Type::text: return value;
    case Type::bytes: return Value::text(value.as_text());
    case Type::int64:
    case Type::uint64:
    case Type::float64: return value;
    default: return {};
  }
}

std::string column_name(std::string_view name) { return "'" + printable(name, 40) + "'"; }

}  // namespace

// The table while it is read: line by line, until too much is wrong with it.
class LookupTable::Rows {
 public:
  Rows(LookupTable& to, const Lookup& options) : to_(to), options_(options), cells_(to.text_) {}

  void read();
  std::vector<Mistake> take() { return std::move(mistakes_); }

 private:
  std::string_view cell();
  bool check_text();
  bool read_names();
  void choose();
  void choose_key();
  void give(std::size_t column, std::size_t index);
  void read_rows();
  void take_cell(std::size_t column);
  bool end_row(std::size_t count, std::uint32_t line);
  bool index_rows();
  void wrong(std::string what, std::string fix, std::uint32_t line = 0, std::size_t at = 0) {
    mistakes_.push_back({.line = line, .at = at, .what = std::move(what), .fix = std::move(fix)});
  }
  void no_column(Mistake::Of of, std::size_t index, const std::string& name, std::string fix);

  LookupTable& to_;
  const Lookup& options_;
  CsvCells cells_;
  std::vector<std::size_t> roles_;    // By column: its place among those given, kNotGiven.
  std::size_t key_ = 0;               // The column that is looked up.
  std::vector<std::uint32_t> lines_;  // By row.
  std::vector<std::size_t> starts_;   // By row: where its key stands in its line.
  std::vector<Value> row_;
  Value row_key_;
  std::uint32_t key_line_ = 0;
  std::size_t key_at_ = 0;
  std::vector<Mistake> mistakes_;
};

void LookupTable::Rows::read() {
  if (!check_text() || !read_names()) return;
  choose();
  if (!mistakes_.empty()) return;
  read_rows();
  if (mistakes_.empty()) index_rows();
  to_.keys_.shrink_to_fit();
  to_.cells_.shrink_to_fit();
}

bool LookupTable::Rows::check_text() {
  const std::string_view text = to_.text_;
  if (text.size() > kBytesMax) {
    wrong("the table is larger than 4 MiB", "leave out what is not looked up");
    return false;
  }
  if (utf8_valid(text)) return true;
  std::uint32_t line = 1;
  std::size_t begin = 0, at = 0;
  for (std::size_t bytes = 0; (bytes = utf8_bytes(text.substr(at))) > 0; at += bytes) {
    if (text[at] != '\n') continue;
    ++line;
    begin = at + 1;
  }
  wrong("the table is not UTF-8", "save it as UTF-8", line, at - begin);
  return false;
}

// The cell's text. Doubled quotes are undone in its place, which is behind what is still to be cut.
std::string_view LookupTable::Rows::cell() {
  const std::string_view raw = cells_.raw();
  if (!cells_.quoted()) return trim(raw);
  if (!cells_.doubled()) return raw;
  char* const begin = to_.text_.data() + (raw.data() - to_.text_.data());
  return {begin, undouble_quotes(begin, raw.size())};
}

bool LookupTable::Rows::read_names() {
  while (cells_.next()) {
    const std::string name(cell());
    const std::uint32_t line = cells_.line();
    if (name.empty()) {
      wrong("a column has no name", "the table's first line names its columns", line, cells_.at());
    } else if (std::ranges::contains(to_.columns_, name)) {
      wrong("two columns have one name", "rename one of them", line, cells_.at());
    } else if (options_.prefix.size() + name.size() > limits::kNameBytesMax) {
      wrong("a column's name is too long", "names of fields have at most 512 bytes", line,
            cells_.at());
    }
    to_.columns_.push_back(name);
    if (mistakes_.size() >= kMistakesMax) return false;
    if (cells_.ends_line()) return true;
  }
  if (cells_.mistake() != nullptr) {
    wrong(cells_.mistake(), "a cell with a quote in it stands in quotes, where \"\" is one",
          cells_.line(), cells_.at());
  } else {
    wrong("the table is empty", "begin it with a line of its columns' names");
  }
  return false;
}

void LookupTable::Rows::no_column(Mistake::Of of, std::size_t index, const std::string& name,
                                  std::string fix) {
  mistakes_.push_back({.of = of,
                       .index = index,
                       .what = "the table has no column " + column_name(name),
                       .fix = std::move(fix)});
}

void LookupTable::Rows::choose() {
  roles_.assign(to_.columns_.size(), kNotGiven);
  choose_key();
  for (std::size_t i = 0; i < options_.give.size(); ++i) {
    const auto at = std::ranges::find(to_.columns_, options_.give[i]);
    if (at == to_.columns_.end()) {
      no_column(Mistake::Of::give, i, options_.give[i], {});
    } else {
      give(static_cast<std::size_t>(at - to_.columns_.begin()), i);
    }
  }
  for (std::size_t c = 0; options_.give.empty() && c < to_.columns_.size(); ++c) {
    if (c != key_) give(c, 0);
  }
  if (to_.given_.size() > kGivenMax) {
    wrong("the table gives more than 256 fields", "name those that are needed in 'give'");
  } else if (to_.given_.empty() && mistakes_.empty()) {
    wrong("the table has nothing to give", "it needs another column beside the one looked up", 1);
  }
}

void LookupTable::Rows::choose_key() {
  const std::string& name = options_.column.empty() ? options_.of : options_.column;
  const auto at = std::ranges::find(to_.columns_, name);
  key_ = static_cast<std::size_t>(at - to_.columns_.begin());
  if (at != to_.columns_.end()) return;
  no_column(Mistake::Of::column, 0, name,
            options_.column.empty() ? "say in 'column' which one has the values of 'of'" : "");
}

void LookupTable::Rows::give(std::size_t column, std::size_t index) {
  if (column == key_ || roles_[column] != kNotGiven) {
    mistakes_.push_back(
        {.of = Mistake::Of::give,
         .index = index,
         .what = column_name(to_.columns_[column]) +
                 (column == key_ ? " is the column that is looked up" : " is given twice"),
         .fix = "take it out"});
    return;
  }
  roles_[column] = to_.given_.size();
  to_.given_.push_back(to_.columns_[column]);
}

void LookupTable::Rows::read_rows() {
  row_.assign(to_.given_.size(), Value());
  std::size_t column = 0;
  std::uint32_t line = 0;
  while (cells_.next()) {
    if (column == 0) line = cells_.line();
    take_cell(column++);
    if (!cells_.ends_line()) continue;
    if (!end_row(column, line) || mistakes_.size() >= kMistakesMax) return;
    column = 0;
  }
  if (cells_.mistake() == nullptr) return;
  wrong(cells_.mistake(), "a cell with a quote in it stands in quotes, where \"\" is one",
        cells_.line(), cells_.at());
}

void LookupTable::Rows::take_cell(std::size_t column) {
  const std::string_view text = cell();
  if (column == key_) {
    row_key_ = Value::text(text);
    key_line_ = cells_.line();
    key_at_ = cells_.at();
  }
  if (column >= roles_.size() || roles_[column] == kNotGiven) return;
  row_[roles_[column]] = cells_.quoted() ? Value::text(text)
                         : text.empty()  ? Value()
                                         : number_or_text(text);
}

// False: it is the last one that is looked at.
bool LookupTable::Rows::end_row(std::size_t count, std::uint32_t line) {
  if (count != roles_.size()) {
    wrong("the line has " + std::to_string(count) + " cells, the first has " +
              std::to_string(roles_.size()),
          "a cell with a comma in it stands in double quotes", line);
    return true;
  }
  if (row_key_.as_text().empty()) {
    wrong("the line has nothing in the column that is looked up",
          "fill it in, or take the line out", key_line_, key_at_);
    return true;
  }
  if (to_.keys_.size() == kRowsMax) {
    wrong("the table has more than 65536 lines", "leave out what is not looked up", line);
    return false;
  }
  if (to_.cells_.size() + row_.size() > kCellsMax) {
    wrong("the table gives more than 262144 cells", "name the columns that are needed in 'give'",
          line);
    return false;
  }
  to_.keys_.push_back(row_key_);
  to_.cells_.insert(to_.cells_.end(), row_.begin(), row_.end());
  to_.key_bytes_max_ = std::max(to_.key_bytes_max_, row_key_.as_text().size());
  lines_.push_back(key_line_);
  starts_.push_back(key_at_);
  return true;
}

bool LookupTable::Rows::index_rows() {
  to_.slots_.assign(std::bit_ceil(to_.keys_.size() * 2 + 1), 0);
  for (std::uint32_t row = 0; row < to_.keys_.size(); ++row) {
    const Value& key = to_.keys_[row];
    const Value read = number_or_text(key.as_text());
    std::uint32_t& slot = to_.slots_[to_.slot_of(read)];
    if (slot == 0) {
      slot = row + 1;
      continue;
    }
    wrong("the value is in line " + std::to_string(lines_[slot - 1]) + " of the table already",
          "keep one line for each value", lines_[row], starts_[row]);
    if (mistakes_.size() >= kMistakesMax) return false;
  }
  return mistakes_.empty();
}

std::vector<LookupTable::Mistake> LookupTable::read(const Lookup& options) {
  text_ = options.table;
  Rows rows(*this, options);
  rows.read();
  return rows.take();
}

// Where the key is, or would be.
std::size_t LookupTable::slot_of(const Value& key) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = lookup_hash(key) & mask;
  while (slots_[at] != 0 && !matches_cell(key, keys_[slots_[at] - 1].as_text()))
    at = (at + 1) & mask;
  return at;
}

const Value* LookupTable::find(const Value& value) const {
  const Value key = comparable_key(value);
  if (key.type() == Type::absent) return nullptr;
  if (key.is_view() && key.as_text().size() > key_bytes_max_) return nullptr;
  const std::uint32_t slot = slots_[slot_of(key)];
  return slot == 0 ? nullptr : cells_of(slot - 1);
}

}  // namespace pinaflux
