// LookupTable: a CSV with a line of names, by the values of one column: which cells stand beside a value.
//
// Equal      Text and bytes are a cell's text, byte for byte; a number is what the cell is read as (number_or_text() in pieces.h), 5 and 5.0
//            being one; true and false are these words.
// Cells      Without quotes blanks around a cell count for nothing; it is a number where it is written as one, absent where nothing stands.
//            In quotes it is a text. Of the column that is looked up quotes say nothing.
// Limits     kBytesMax, kRowsMax, kCellsMax; kGivenMax columns. Memory: the text, 16 bytes for each row and each cell that is given, and 8 to
//            16 for each row.
// Ownership  Has the text; values that it gives view it.
// Threads    One owner; read by any.
// Tests      tests/agent/pipeline/lookup_test.cc
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/data/value.h"
#include "agent/pipeline/node_kinds.h"

namespace pinaflux {

class LookupTable {
 public:
  static constexpr std::size_t kBytesMax = 4 * 1024 * 1024;
  static constexpr std::size_t kRowsMax = 65'536;
  static constexpr std::size_t kCellsMax = 262'144;
  static constexpr std::size_t kGivenMax = 256;
  static constexpr std::size_t kMistakesMax = 10;

  LookupTable() = default;
  LookupTable(const LookupTable&) = delete;  // Its values view it.
  LookupTable& operator=(const LookupTable&) = delete;

  // What is wrong, without values of the table, and where that is put right.
  struct Mistake {
    enum class Of : std::uint8_t { table, column, give };
    Of of = Of::table;
    std::size_t index = 0;   // In Lookup::give.
    std::uint32_t line = 0;  // Of the table, from 1; 0: of the whole.
    std::size_t at = 0;      // A byte of it, from 0.
    std::string what, fix;
  };
  // Once. Of an empty list it can be asked.
  std::vector<Mistake> read(const Lookup& options);
  // The columns' names, as far as they could be read.
  const std::vector<std::string>& columns() const { return columns_; }
  // Of those that are given, in the order of their cells.
  const std::vector<std::string>& given() const { return given_; }
  std::size_t row_count() const { return keys_.size(); }
  // The cells of the row; null: none has this value.
  const Value* find(const Value& value) const;

 private:
  class Rows;
  std::size_t slot_of(const Value& key) const;
  const Value* cells_of(std::uint32_t row) const { return cells_.data() + row * given_.size(); }

  std::string text_;
  std::vector<std::string> columns_, given_;
  std::vector<Value> keys_;           // Texts, by row.
  std::vector<Value> cells_;          // Of all rows.
  std::vector<std::uint32_t> slots_;  // Rows from 1, by hash, then the next that is free; 0: free.
  std::size_t key_bytes_max_ = 0;
};

}  // namespace pinaflux
