// Column: the cells of one field over the rows of a table, written so that zstd finds the repetition.
//
// Promise    read(write(cells)) is identical to the bit: NaN payloads, -0.0, invalid UTF-8, absent, null.
// Limits     A reader takes memory from the arena only, never more than the bytes can pay for.
// Threads    A writer has one owner at a time (scratch memory); reading is a pure function.
// Tests      tests/agent/seal/body_test.cc. Bytes: FORMAT.md.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/data/value.h"
#include "platform/base/arena.h"
#include "platform/base/bytes.h"

namespace pinaflux::seal {

class ColumnWriter {
 public:
  // `cells` in row order. `scale_hint` is the decimal exponent that fitted this column last time; it is
  // tried first and updated.
  void write(std::span<const Value> cells, int& scale_hint, Writer& to);

 private:
  void write_types(std::span<const Value> cells, Writer& to);
  void write_doubles(int& scale_hint, Writer& to);
  void write_texts(Writer& to);

  std::vector<std::int64_t> integers_;
  std::vector<double> doubles_;
  std::vector<std::string_view> texts_;
  std::unordered_map<std::string_view, std::int64_t> dictionary_;
};

// Fills cells[0], cells[stride], ...; `count` of them. The reader fails on damage; false: no memory.
bool read_column(Reader& from, Value* cells, std::size_t count, std::size_t stride, Arena& arena,
                 std::vector<std::int64_t>& scratch);

}  // namespace pinaflux::seal
