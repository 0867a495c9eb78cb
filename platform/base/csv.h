// CsvCells: the cells of a text as RFC 4180 writes them, one after the other: strict.
//
//   CsvCells cells(text);
//   while (cells.next()) use(cells.raw(), cells.ends_line());
//
// Promise    LF or CRLF ends a line; the last may have neither. Lines of nothing are passed over. A cell in double quotes may hold
//            commas, line breaks, and quotes, each written twice. It stops at a mistake, and says what it is and where.
// Ownership  Views the text.
// Threads    One owner.
// Tests      tests/platform/base/csv_test.cc
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pinaflux {

class CsvCells {
 public:
  explicit CsvCells(std::string_view text) : text_(text) {}

  // False: there is none any more, or there is a mistake().
  bool next();
  // As it is written, without the quotes around it.
  std::string_view raw() const { return raw_; }
  bool quoted() const { return quoted_; }
  // Quotes in it are written twice.
  bool doubled() const { return doubled_; }
  bool ends_line() const { return ends_line_; }
  // Where the cell begins, or the mistake is: a line, from 1, and a byte of it, from 0.
  std::uint32_t line() const { return cell_line_; }
  std::size_t at() const { return cell_at_; }
  // What is wrong; null: nothing.
  const char* mistake() const { return mistake_; }

 private:
  bool take_break();
  std::size_t end_of_plain() const;
  void take_quoted();
  void stop(const char* mistake);

  std::string_view text_, raw_;
  std::size_t next_ = 0, line_begin_ = 0, cell_at_ = 0;
  std::uint32_t line_ = 1, cell_line_ = 1;
  bool quoted_ = false, doubled_ = false;
  bool ends_line_ = true;  // Or the next begins one.
  const char* mistake_ = nullptr;
};

// Each "" becomes one ", in its place; the new size.
std::size_t undouble_quotes(char* text, std::size_t size);

}  // namespace pinaflux
