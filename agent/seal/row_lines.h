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

// The same as a point of a database that keeps one for each measurement, tags and time. Tags: gateway, lane; _boot, where the
// time is none of a calendar (it is then that since the boot, in 1970); _n, if it is not 0. All numbers are doubles: such a
// database keeps the first type that it meets, and 20 and 20.5 are one sensor's. A field called time, gateway or lane, or
// whose name begins with an underscore, gets one more in front, and one without a name is "_".
bool append_point(std::string& to, const RowIdentity& identity, const Row& row, std::uint64_t n);

}  // namespace pinaflux
