// LandedLine: what a line of an NDJSON file that we wrote says of its row.
//
// Promise    Reads what append_json_line() writes, without knowing the values; what is something else is none.
// Ownership  Views into the line.
// Threads    Pure functions; any.
// Tests      tests/agent/collector/file_rows_test.cc
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/data/record.h"
#include "agent/seal/row_json.h"

namespace pinaflux {

struct LandedLine {
  std::string_view stream;  // As JSON, with its quotes.
  std::string_view lane;    // As who_of() says it.
  std::uint64_t seq = 0;
  Stamp time;
  std::string_view fields;  // As JSON, to the brace at the end.
};

// Without its newline.
std::optional<LandedLine> read_line(std::string_view line);
// Of a line, without its newline: a piece's is the sum of those of its lines. Against damage, not against intent; it is kept in
// databases, so it stays as it is.
std::uint64_t line_sum(std::string_view line);
// How a line names gateway, epoch and lane.
std::string who_of(std::string_view gateway, std::string_view epoch, std::string_view lane);

}  // namespace pinaflux
