// Names of tables and columns, made of what gateways call their streams and fields.
//
// Promise    A name holds UTF-8 without NUL, and differs from every taken one by more than its case.
// Threads    Pure functions; any.
// Tests      tests/agent/collector/sqlite_sink_test.cc
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace pinaflux::names {

// ASCII only, as SQLite compares names.
std::string lower(std::string_view name);
// What cannot stand in a name (NUL, bytes that are not UTF-8) becomes '?'.
std::string speakable(std::string_view text);
// The number-th candidate: `name`, "name_2", "name_3", ... of at most `bytes_max` bytes.
std::string numbered(std::string_view name, int number, std::size_t bytes_max);
// For a stream's table, before numbering: what is reserved gets another beginning.
std::string table(std::string_view stream);
// For a field's column. `taken` is in lower case.
std::string column(const std::set<std::string>& taken, std::string_view field,
                   std::size_t bytes_max = std::string::npos);

}  // namespace pinaflux::names
