// Rows as line protocol (InfluxDB): types (i, u, quoted text), time in nanoseconds.
//
// Promise    Null and what is no finite number is left out, and a record of nothing else with it; time since a boot
//            becomes fields; what was salvaged has _salvaged and _fields_lost.
// Threads    Pure functions; any.
// Tests      tests/agent/cli/record_text_test.cc
#pragma once

#include <cstdint>
#include <string>

#include "agent/seal/row_json.h"

namespace pinaflux {

// InfluxDB 1 knows no unsigned integers, and refuses the line. For it they are signed ones, and doubles from 2^63 on; the
// boot is a text.
enum class LineTypes : std::uint8_t { all, influx1 };

// False: nothing was left to write.
bool append_line_protocol(std::string& to, const RowIdentity& identity, const Row& row,
                          LineTypes types = LineTypes::all);

// The same as a point of a database that keeps one for each measurement, tags and time: with the tags gateway and lane, and _n
// if it is not 0; in the types of influx1. `landed` (ns since 1970) is the time of a row that has no calendar time.
bool append_point(std::string& to, const RowIdentity& identity, const Row& row, std::uint64_t n,
                  std::int64_t landed);

}  // namespace pinaflux
