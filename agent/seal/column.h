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
#include "agent/seal/neighbours.h"
#include "agent/seal/printed.h"
#include "platform/base/arena.h"
#include "platform/base/bytes.h"

namespace pinaflux::seal {

// How doubles are written.
struct DoublesMode {
  static constexpr std::uint8_t kNone = 0xff;
  std::uint8_t number = kNone;  // A mode byte of FORMAT.md.
  Printing printing;            // Of the modes that have one.
};

// What won for a column in the batch before. Only ever a hint: anything in it gives a right column.
struct ColumnHint {
  DoublesMode doubles;
  std::uint32_t misses_max = 0;  // Doubles that the mode may miss before another is looked for.
  std::uint8_t uses = 0;         // Batches since all was tried.
  SeriesHint series[5];
};

class ColumnWriter {
 public:
  ColumnWriter(CodeWriter& code, Neighbours& neighbours, Compressor& compressor, const Parts& parts)
      : neighbours_(neighbours), parts_(parts), integers_(code, neighbours, compressor, parts) {}

  void write(std::span<const Value> cells, Effort effort, ColumnHint& hint, Buffer& to);
  IntegerWriter& integers() { return integers_; }

 private:
  // Of a text: where telemetry's names and states differ.
  struct Ends {
    std::uint64_t head = 0, tail = 0;
    bool operator==(const Ends&) const = default;
    std::uint32_t hash(std::size_t size) const;
  };
  static Ends ends_of(std::string_view text);
  bool same_text(std::size_t entry, std::string_view text, const Ends& ends) const;
  void write_kind(std::span<const Value> cells, std::uint8_t kind, Buffer& to);
  void write_series(std::span<const std::uint64_t> values, std::size_t slot, Buffer& to);
  bool float32_fits() const;
  std::size_t split(const DoublesMode& mode);
  std::size_t split_decimals(int scale);
  std::size_t split_printed(const Printing& how);
  void decimal_candidates();
  DoublesMode choose_doubles();
  void write_doubles(Buffer& to);
  void write_texts(std::span<const Value> texts, Buffer& to);
  bool index_texts(std::span<const Value> texts);
  void write_dictionary(Buffer& to);
  void write_plain_texts(std::span<const Value> texts, Buffer& to);

  Neighbours& neighbours_;
  const Parts& parts_;
  Effort effort_ = Effort::fast;
  ColumnHint* hint_ = nullptr;
  std::vector<std::uint64_t> bits_, first_, second_, third_, kinds_;
  std::vector<DoublesMode> modes_;
  std::vector<Printing> guesses_;
  std::vector<Value> some_;
  std::vector<std::string_view> entries_;
  std::vector<Ends> ends_;  // Of entries_.
  std::vector<std::uint32_t> slots_;
  IntegerWriter integers_;
};

class ColumnReader {
 public:
  ColumnReader(CodeReader& code, Neighbours& neighbours)
      : neighbours_(neighbours), integers_(code, neighbours) {}

  Read read(Reader& from, std::span<Value* const> cells, Arena& arena);
  IntegerReader& integers() { return integers_; }

 private:
  Read read_kind(Reader& from, std::uint8_t kind, std::span<Value* const> cells, Arena& arena);
  Read read_doubles(Reader& from, std::size_t count);
  Read read_bits32();
  Read read_decimals(Reader& from, int scale);
  Read read_printed(Reader& from, bool single);
  Read read_texts(Reader& from, std::uint8_t kind, std::span<Value* const> cells, Arena& arena);
  Read take_texts(Reader& from, std::size_t count, Arena& arena);

  Neighbours& neighbours_;
  std::vector<Value*> some_;
  std::vector<std::uint64_t> kinds_, first_, second_, third_;
  std::vector<std::string_view> entries_;
  IntegerReader integers_;
};

}  // namespace pinaflux::seal
