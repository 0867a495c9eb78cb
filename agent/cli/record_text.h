// RecordText: opened records as text that other programs read: NDJSON, CSV, line protocol.
//
// NDJSON     agent/seal/row_json.h.
// CSV        One header line for all: _stream, _seq, _time, then every field that occurs. Absent and null are
//            empty cells; text is quoted where RFC 4180 asks for it.
// Lines      Line protocol with types (i, u, quoted text), time in nanoseconds. Null and what is no finite number
//            is left out, and a record of nothing else with it; time since a boot becomes fields.
// Threads    Pure functions; any.
// Tests      tests/agent/cli/record_text_test.cc
#pragma once

#include <span>
#include <string>

#include "agent/seal/row_json.h"

namespace pinaflux {

enum class RecordFormat : std::uint8_t { ndjson, csv, lines };

// Gives the text to `take` record by record.
template <class Take>
void records_as_text(RecordFormat format, const RowIdentity& first, std::span<const Row> rows,
                     Take take);

// The columns of a CSV, in the order in which they appear.
std::vector<std::string> csv_columns(std::span<const Row> rows);
std::string csv_header(std::span<const std::string> columns);
void append_csv(std::string& to, const RowIdentity& identity, const Row& row,
                std::span<const std::string> columns);
// False: nothing was left to write.
bool append_line_protocol(std::string& to, const Row& row);

template <class Take>
void records_as_text(RecordFormat format, const RowIdentity& first, std::span<const Row> rows,
                     Take take) {
  const auto columns = format == RecordFormat::csv ? csv_columns(rows) : std::vector<std::string>();
  if (format == RecordFormat::csv) take(csv_header(columns));
  RowIdentity identity = first;
  std::string text;
  for (const Row& row : rows) {
    text.clear();
    if (format == RecordFormat::ndjson) append_json_line(text, identity, row);
    if (format == RecordFormat::csv) append_csv(text, identity, row, columns);
    if (format == RecordFormat::lines) append_line_protocol(text, row);
    take(text);
    identity.seq += identity.step;
  }
}

}  // namespace pinaflux
