#include "agent/cli/csv_records.h"

#include <algorithm>

#include "agent/pipeline/pieces.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

std::string plain_cell(const CsvCells& cells) {
  std::string text(cells.quoted() ? cells.raw() : trim(cells.raw()));
  if (cells.doubled()) text.resize(undouble_quotes(text.data(), text.size()));
  return text;
}

Value value_of_cell(std::string_view text, bool quoted) {
  if (quoted) return Value::text(text);
  if (text == "true" || text == "false") return Value::boolean(text == "true");
  return number_or_text(text);
}

}  // namespace

CsvRecords::Next CsvRecords::mistake(std::string what, const char* fix, std::uint32_t line,
                                     std::size_t at) {
  what_ = std::move(what);
  fix_ = fix;
  line_ = line;
  at_ = at;
  return Next::mistake;
}

// Behind it nobody knows what is a cell and what is a line.
CsvRecords::Next CsvRecords::broken() {
  ended_ = true;
  return mistake(cells_.mistake(), "a cell with a quote in it stands in quotes, where \"\" is one",
                 cells_.line(), cells_.at());
}

// False: there is a mistake.
bool CsvRecords::read_names() {
  while (cells_.next()) {
    std::string name = plain_cell(cells_);
    if (name.empty() || std::ranges::contains(names_, name)) {
      ended_ = true;
      mistake("a column has no name, or that of another", "a CSV's first line names its columns",
              cells_.line(), cells_.at());
      return false;
    }
    names_.push_back(std::move(name));
    if (cells_.ends_line()) return true;
  }
  if (cells_.mistake() != nullptr) broken();
  return cells_.mistake() == nullptr;
}

std::expected<void, Fault> CsvRecords::add(std::size_t column) {
  if (column >= names_.size()) return {};
  const std::string text = plain_cell(cells_);
  size_ += text.size();
  if (size_ > source_.record_bytes_max) return refuse(Reason::too_large);
  if (text.empty() && !cells_.quoted()) return {};
  const std::string_view kept = builder_.keep(text);
  if (kept.data() == nullptr) return no_room();
  return builder_.add({}, names_[column], value_of_cell(kept, cells_.quoted()));
}

CsvRecords::Next CsvRecords::next(Stamp arrival) {
  if (names_.empty() && !ended_ && !read_names()) return Next::mistake;
  if (ended_) return Next::end;
  intake_.begin(source_.index);
  builder_.begin(intake_, stream_);
  std::expected<void, Fault> step;
  size_ = 0;
  std::size_t count = 0;
  std::uint32_t line = 0;
  while (cells_.next()) {
    if (count == 0) line = cells_.line();
    if (step) step = add(count);
    ++count;
    if (cells_.ends_line()) break;
  }
  const bool whole = count == names_.size();
  if (whole && step && cells_.mistake() == nullptr) step = builder_.finish(arrival);
  intake_.end(1);
  if (cells_.mistake() != nullptr) return broken();
  if (count == 0) {
    ended_ = true;
    return Next::end;
  }
  if (!whole) {
    return mistake("it has " + std::to_string(count) + " cells, the first line has " +
                       std::to_string(names_.size()),
                   "a cell with a comma in it stands in double quotes", line, 0);
  }
  if (step) return Next::record;
  const Reason reason = step.error().reason;
  return mistake(reason_name(reason),
                 reason == Reason::bad_time    ? "the source's 'time' says the field and the unit"
                 : reason == Reason::malformed ? "a line has a value at least"
                                               : "a record has at most 64 KiB and 10000 fields",
                 line, 0);
}

}  // namespace pinaflux
