// Rows as cells of a CSV.
//
// Promise    Text is quoted where RFC 4180 asks for it, and when it is empty: absent and null are empty cells. Bytes are
//            hexadecimal digits, numbers as in JSON, times as iso_time() has them or, since a boot, "5ns@9".
// Threads    Pure functions; any.
// Source     RFC 4180.
// Tests      tests/agent/cli/record_text_test.cc
#pragma once

#include <string>
#include <string_view>

#include "agent/data/record.h"

namespace pinaflux {

void append_csv_text(std::string& to, std::string_view text);
void append_csv_value(std::string& to, const Value& value);
void append_csv_time(std::string& to, Stamp time);
// Of a column: a field whose name begins with an underscore gets another one, so that it can never be taken for ours.
void append_csv_name(std::string& to, const std::string& field);

}  // namespace pinaflux
