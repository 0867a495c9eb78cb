// Neighbours: what a column may lean on: the table's columns before it, as writer and reader both know them.
//
// Classes    Of each column's first series that has a value for every row: how far its misses were from 0. In
//            one row several sensors move, or none: the class of one says what to expect of another.
// Keys       Which rows are of one thing: the combination of the text columns so far. In a narrow stream
//            (room, metric, value) the row before of the same key is the one to compare with.
// Limits     limits of a body: 262,144 classes, 65,536 combinations; beyond, a text column makes no keys.
// Threads    One owner at a time.
// Tests      tests/agent/seal/body_test.cc, vectors_test.cc
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pinaflux::seal {

class Neighbours {
 public:
  static constexpr std::size_t kKeysMax = 65'536;

  // No table (yet): nothing to lean on.
  void clear() { begin_table(0); }
  void begin_table(std::size_t rows);
  void begin_column();
  std::size_t rows() const { return rows_; }
  // Of the column so many places to the left; 0: this one. nullptr: it has none.
  const std::uint8_t* classes(std::size_t distance) const;
  // Keeps the classes of a series of `count` values whose last `misses.size()` have misses. Only the first series
  // of a column that has a value for each row counts.
  void keep(std::size_t count, std::span<const std::uint64_t> misses, unsigned shift);
  // Where a reader puts the classes itself, instead; nullptr: they do not count.
  std::uint8_t* place(std::size_t count);
  // A text column with `entries` different texts, by number.
  void add_key(std::span<const std::uint64_t> numbers, std::size_t entries);
  // One for each row, counted from 0; empty: there are none (or `count` values are not one a row).
  std::span<const std::uint32_t> keys(std::size_t count) const;
  std::size_t key_count() const { return key_count_; }

 private:
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;  // The one that is being written or read included.
  std::vector<std::uint8_t> classes_;
  std::vector<std::uint8_t> known_;
  std::vector<std::uint32_t> keys_, numbers_;
  std::size_t key_count_ = 0;
};

}  // namespace pinaflux::seal
