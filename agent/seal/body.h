// Body: rows as tables, one per shape, column by column: what the zstd frame of an envelope (and of a
// spool's chunk) holds. Bytes: FORMAT.md.
//
// Promise    read(write(rows)) gives the same rows in the same order.
// Limits     A reader takes rows, shapes and text only within limits.h and the arena.
// Threads    One owner at a time: both hold scratch memory.
// Tests      tests/agent/seal/body_test.cc
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "agent/data/record.h"
#include "agent/seal/column.h"
#include "platform/base/arena.h"
#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux::seal {

class BodyWriter {
 public:
  void write(std::span<const Row> rows, Buffer& to);

 private:
  struct Table {
    const Shape* shape = nullptr;
    std::vector<const Row*> rows;
  };
  struct Hints {
    std::vector<int> scales;  // By field.
  };
  void sort_into_tables(std::span<const Row> rows);
  void write_order(std::span<const Row> rows, Writer& to);
  void write_table(const Table& table, Writer& to);

  std::vector<Table> tables_;
  std::size_t table_count_ = 0;
  std::vector<std::uint32_t> table_of_row_;
  std::unordered_map<const Shape*, std::uint32_t> table_of_shape_;
  std::unordered_map<const Shape*, Hints> hints_;
  std::vector<std::int64_t> times_;
  std::vector<std::int64_t> boots_;
  std::vector<Value> cells_;
  ColumnWriter column_;
};

class BodyReader {
 public:
  // Appends to `rows`. Errors: corrupt; full (shapes or arena).
  Status read(Bytes body, Shapes& shapes, Arena& arena, std::vector<Row>& rows);

 private:
  struct Table {
    const Shape* shape = nullptr;
    std::size_t row_count = 0;
    std::size_t next = 0;
    std::span<Value> cells;
    std::vector<Stamp> times;
  };
  Status read_shapes(Reader& from, Shapes& shapes);
  Status read_order(Reader& from, std::uint64_t row_count);
  Status read_table(Reader& from, Table& table, Arena& arena);

  std::vector<Table> tables_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> order_;  // (table, how many rows of it).
  std::vector<std::int64_t> scratch_;
};

}  // namespace pinaflux::seal
