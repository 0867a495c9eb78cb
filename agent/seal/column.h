// Column: the cells of one field over the rows of a table, written so that zstd finds the
// repetition.
//
// Promise    read(write(cells)) is identical to the bit: NaN payloads, -0.0, invalid UTF-8, absent,
//            null.
// Limits     A reader takes memory from the arena only, never more than the bytes can pay for.
// Threads    One owner at a time: both hold scratch memory.
// Tests      tests/agent/seal/body_test.cc. Bytes: FORMAT.md.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "agent/data/value.h"
#include "agent/seal/integers.h"
#include "platform/base/arena.h"
#include "platform/base/bytes.h"

namespace pinaflux::seal {

// What won for a column in the batch before. Only ever a hint: anything in it gives a right column.
struct ColumnHint {
  static constexpr std::uint8_t kNone = 0xff;
  std::uint8_t doubles = kNone;  // A mode byte of FORMAT.md.
  std::uint8_t uses = 0;         // Batches since all was tried.
  std::uint8_t integers[4] = {kNone, kNone, kNone, kNone};
};

class ColumnWriter {
 public:
  void write(std::span<const Value> cells, Effort effort, ColumnHint& hint, Buffer& to);
  IntegerWriter& integers() { return integers_; }

 private:
  void write_kind(std::span<const Value> cells, std::uint8_t kind, Buffer& to);
  void write_integers(std::span<const std::uint64_t> values, std::size_t slot, Buffer& to);
  void write_doubles(Buffer& to);
  void write_doubles_as(std::uint8_t mode, Buffer& to);
  bool float32_fits() const;
  std::size_t split_decimals(int scale);
  void decimal_candidates(std::vector<std::uint8_t>& modes) const;
  std::uint8_t choose_doubles();
  void write_texts(Buffer& to);
  void write_plain_texts(Buffer& to);
  bool index_texts();
  void write_dictionary(Buffer& to);

  Effort effort_ = Effort::fast;
  ColumnHint* hint_ = nullptr;
  std::vector<std::uint64_t> bits_, first_, second_;
  std::vector<std::uint64_t> kinds_;
  std::vector<std::uint8_t> modes_;
  std::vector<std::string_view> texts_, entries_;
  std::vector<std::uint32_t> slots_;
  Buffer trial_, best_;
  IntegerWriter integers_;
};

class ColumnReader {
 public:
  // Fills rows[i][field] for every row.
  Read read(Reader& from, std::span<Value* const> rows, std::size_t field, Arena& arena);

 private:
  Read read_kind(Reader& from, std::uint8_t kind, std::span<Value* const> cells, Arena& arena);
  Read read_doubles(Reader& from, std::size_t count);
  Read read_texts(Reader& from, std::uint8_t kind, std::span<Value* const> cells, Arena& arena);
  Read take_texts(Reader& from, std::size_t count, Arena& arena);

  std::vector<Value*> cells_, some_;
  std::vector<std::uint64_t> kinds_, first_, second_;
  std::vector<std::string_view> entries_;
};

}  // namespace pinaflux::seal
