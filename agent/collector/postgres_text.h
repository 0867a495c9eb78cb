// Values and lines as COPY ... FROM STDIN reads them, text format.
//
// Promise    What is written reads back as the same value: doubles to the bit, but for NaN's payload.
// Threads    Pure functions; any.
// Source     https://www.postgresql.org/docs/17/sql-copy.html
// Tests      tests/agent/collector_postgres/text_test.cc
#pragma once

#include <string>
#include <string_view>

#include "agent/collector/postgres_catalog.h"
#include "agent/data/value.h"

namespace pinaflux::postgres {

inline constexpr std::string_view kNull = "\\N";

// As a line of COPY has it: tabs, ends of lines and backslashes escaped.
void append_escaped(std::string& to, std::string_view text);
// As a parameter has it. False, and nothing appended: a column of this type cannot hold the value.
bool append_value(std::string& to, ColumnType type, const Value& value);
// As a line of COPY has it.
bool append_cell(std::string& to, ColumnType type, const Value& value);

}  // namespace pinaflux::postgres
