// Body: rows as tables, one per shape, column by column: what the zstd frame of an envelope (and of
// a spool's chunk) holds. Bytes: FORMAT.md.
//
// Promise    read(write(rows)) gives the same rows in the same order.
// Limits     kRowsMax rows, kCellsMax cells, limits::kOpenedBytesMax bytes. A reader takes memory
//            from the arena in pieces of at most 64 KiB (or one row, or one text).
// Threads    One owner at a time: both hold scratch memory.
// Tests      tests/agent/seal/body_test.cc
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "agent/data/limits.h"
#include "agent/data/record.h"
#include "agent/seal/column.h"
#include "platform/base/arena.h"
#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux::seal {

inline constexpr std::size_t kRowsMax = limits::kEnvelopeRecordsMax * 4;
static_assert(kRowsMax <= 1 << 16);  // A row, and so a table, has a number of 16 bits.
// The cells of one body fit into a group's arena: a body from a group is always opened by one.
inline constexpr std::size_t kCellsMax = limits::kGroupBytesMax / sizeof(Value);

class BodyWriter {
 public:
  BodyWriter() = default;
  BodyWriter(const BodyWriter&) = delete;
  BodyWriter& operator=(const BodyWriter&) = delete;

  // Appends to `to`. Code::full: more rows, cells or bytes than a reader takes.
  Status write(std::span<const Row> rows, Effort effort, Buffer& to);
  Parts& parts() { return parts_; }
  // What it tries with, free between two write(): its memory is the largest here, and one is enough.
  Compressor& compressor() { return compressor_; }

 private:
  struct Table {
    const Shape* shape = nullptr;
    std::size_t begin = 0, end = 0;  // In picks_.
  };
  void sort_into_tables(std::span<const Row> rows);
  void write_shapes(Buffer& to) const;
  void write_order_and_times(std::span<const Row> rows, Effort effort, Buffer& to);
  void write_table(std::span<const Row> rows, const Table& table, Effort effort, Buffer& to);
  std::vector<ColumnHint>& hints_of(const Shape& shape);

  std::vector<Table> tables_;
  std::vector<std::uint16_t> table_of_row_, picks_;
  std::unordered_map<const Shape*, std::uint32_t> table_of_shape_;
  // By Shape::hash(): addresses of shapes come again, and would make bodies differ between two runs.
  std::unordered_map<std::uint64_t, std::vector<ColumnHint>> hints_;
  std::size_t hints_held_ = 0;
  ColumnHint order_hint_;
  std::vector<std::uint64_t> scratch_;
  std::vector<Value> cells_;
  Parts parts_;
  CodeWriter code_;
  Neighbours neighbours_;
  Compressor compressor_;
  ColumnWriter column_{code_, neighbours_, compressor_, parts_};
};

// How far a reader came, and where it was when it stopped.
struct Reached {
  enum class Part : std::uint8_t { head, streams, order, boots, times, column, end };
  Part part = Part::head;
  std::size_t byte = 0;                  // Of the body: where this part begins.
  std::size_t table = 0, tables = 0;     // From 0, and how many there are.
  const Shape* shape = nullptr;          // Of `table`, in a column.
  std::size_t column = 0;                // From 0.
  std::size_t rows = 0, rows_whole = 0;  // Declared; of which all columns were read.
};

class BodyReader {
 public:
  BodyReader() = default;
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;

  // Appends to `rows`; on an error `rows` is as it was. Errors: corrupt; newer; full (shapes or
  // arena).
  Status read(Bytes body, Shapes& shapes, Arena& arena, std::vector<Row>& rows);
  // The same of a damaged body; not `whole`: its end is missing. On an error rows whose times were read stay:
  // what was not read of them is absent, and fields_lost() says how much that is.
  Status salvage(Bytes body, bool whole, Shapes& shapes, Arena& arena, std::vector<Row>& rows);
  std::span<const std::uint32_t> fields_lost() const { return fields_lost_; }
  // Of the last body.
  const Reached& reached() const { return reached_; }

 private:
  struct Table {
    const Shape* shape = nullptr;
    std::size_t row_count = 0;
    std::size_t begin = 0;       // In cells_.
    std::size_t placed = 0;      // Rows that have their cells.
    Value* piece = nullptr;      // Where the next row's cells go.
    std::size_t piece_rows = 0;  // Rows that still fit there.
  };
  Status read_rows(Reader& from, Shapes& shapes, Arena& arena, std::vector<Row>& rows);
  Status read_shapes(Reader& from, std::size_t row_count, Shapes& shapes);
  Status read_order(Reader& from, std::size_t row_count);
  Status read_times(Reader& from, std::span<Row> rows);
  Status place_rows(std::span<Row> rows, Arena& arena);
  Status read_table(Reader& from, std::size_t number, Arena& arena);
  void reach(Reached::Part part, const Reader& from);
  void blank_columns();
  void lose_columns(std::span<const Row> rows);

  bool salvaging_ = false;
  Reached reached_;
  std::vector<std::uint32_t> fields_lost_;
  std::vector<Table> tables_;
  std::vector<std::uint16_t> table_of_row_;
  std::vector<std::uint64_t> scratch_;
  std::vector<Value*> cells_;  // The next one of each row; rows sorted by table.
  std::vector<std::string_view> fields_, sorted_;
  CodeReader code_;
  Neighbours neighbours_;
  ColumnReader column_{code_, neighbours_};
};

}  // namespace pinaflux::seal
