// Rows of a damaged spool, recognised by their columns alone.
//
// Promise    What is_entry() takes, Queue takes. Nothing here proves that a body is whole.
// Threads    Pure functions; any.
// Tests      tests/agent/spool/salvage_test.cc, encryption_test.cc. Columns: FORMAT.md.
#pragma once

#include <algorithm>
#include <string>

#include "agent/spool/damaged_file.h"
#include "agent/spool/encryption.h"
#include "agent/spool/queue.h"

namespace pinaflux::damaged {

using Row = DamagedFile::Row;
using Type = DamagedFile::Column::Type;

inline constexpr std::size_t kHashColumn = 7, kBodyColumn = 10;  // Of a row of `queue`.

bool is(const Row& row, std::size_t column, Type type);
// A blob of so many bytes, wholly in the row's own page.
bool is_blob(const Row& row, std::size_t column, std::size_t bytes);

bool is_lane(const Row& row);
bool is_key(const Row& row);
bool is_entry(const Row& row);
// Of an encrypted row without its hashes.
Entry entry_of(const Row& row);

std::string text_of(const Row& row, std::size_t column);
// Zeros where the column is something else.
template <class Array>
Array array_of(const Row& row, std::size_t column) {
  Array array{};
  if (is_blob(row, column, array.size()))
    std::ranges::copy(row.bytes(row.columns[column]), array.begin());
  return array;
}

}  // namespace pinaflux::damaged
