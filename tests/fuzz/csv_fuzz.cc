// Any text as a CSV: every cell is where it says that it is, and what was read is the same when it is written and read again; and as
// a table that is looked up, in which each key finds its own row.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/pipeline/lookup_table.h"
#include "platform/base/assert.h"
#include "platform/base/csv.h"

namespace pinaflux {
namespace {

struct Cell {
  std::string text;
  bool quoted, ends_line;
  bool operator==(const Cell&) const = default;
};

// Those before a mistake. `whole`: there is none.
std::vector<Cell> read(std::string_view text, bool& whole) {
  std::vector<Cell> cells;
  CsvCells reader(text);
  std::uint32_t line = 1;
  while (reader.next()) {
    ASSERT(reader.line() >= line && reader.at() <= text.size());
    line = reader.line();
    std::string cell(reader.raw());
    if (reader.doubled()) cell.resize(undouble_quotes(cell.data(), cell.size()));
    cells.push_back({std::move(cell), reader.quoted(), reader.ends_line()});
  }
  whole = reader.mistake() == nullptr;
  ASSERT(whole || (reader.line() >= line && reader.at() <= text.size()));
  ASSERT(!reader.next());
  return cells;
}

std::string written(const std::vector<Cell>& cells) {
  std::string text;
  for (const Cell& cell : cells) {
    if (cell.quoted) text += '"';
    for (const char c : cell.text) text.append(c == '"' ? 2 : 1, c);
    if (cell.quoted) text += '"';
    text += cell.ends_line ? "\r\n" : ",";
  }
  return text;
}

void look_up(std::string_view text, const std::vector<Cell>& cells) {
  Lookup options;
  options.table = text;
  options.of = cells.empty() ? "" : cells[0].text;
  LookupTable table;
  const auto mistakes = table.read(options);
  for (const auto& mistake : mistakes) ASSERT(!mistake.what.empty());
  ASSERT(table.row_count() <= LookupTable::kRowsMax);
  if (!mistakes.empty()) return;
  bool is_name = true, begins_line = false;
  for (const Cell& cell : cells) {
    const std::string& key = cell.text;
    const bool bare = !key.empty() && key.front() > ' ' && key.back() > ' ';
    if (begins_line && !is_name && bare) ASSERT(table.find(Value::text(key)) != nullptr);
    is_name = is_name && !cell.ends_line;
    begins_line = cell.ends_line;
  }
}

}  // namespace
}  // namespace pinaflux

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pinaflux;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  bool whole = false, again = false;
  const std::vector<Cell> cells = read(text, whole);
  if (!cells.empty() && whole) {
    ASSERT(cells.back().ends_line);
    ASSERT(read(written(cells), again) == cells && again);
  }
  look_up(text, cells);
  return 0;
}
