// Rows as JSON text: a line of an NDJSON file, and the fields that found no column.
//
// Promise    One line, valid JSON. Integers are exact; bytes are lower-case hex; text that is not UTF-8
//            has its bad bytes replaced; NaN and infinities are the texts "NaN", "Infinity", "-Infinity".
// Threads    Pure functions; any.
// Tests      tests/agent/collector/ndjson_sink_test.cc
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/data/record.h"
#include "platform/base/json_writer.h"

namespace pinaflux {

// Who a row is. The texts outlive the call only.
struct RowIdentity {
  std::string_view gateway, epoch, lane;  // The epoch in hex.
  std::uint64_t seq = 0;
  std::uint64_t step = 1;  // From one row to the next, where there are several.
  // Of a row out of a damaged envelope: "proven" (its values are as they were), "unproven"; else empty.
  std::string_view salvaged = {};
  std::uint64_t fields_lost = 0;  // Of it.
  bool seq_known = true;          // A damaged line may not say.
};

void append_json_value(JsonWriter& to, const Value& value);
// {<fields>} alone, but those that are null or absent, and those at the positions `without`.
std::string json_fields(const Row& row, const std::set<std::size_t>& without = {});
// {"_stream":..,"_gateway":..,"_epoch":..,"_lane":..,"_seq":..,"_time":..,<fields>} and a newline. A
// field whose name begins with an underscore gets another one, so that it can never be taken for ours. What was
// salvaged has "_salvaged" and "_fields_lost" behind "_seq", which is null where it is not known.
void append_json_line(std::string& to, const RowIdentity& identity, const Row& row);
// How the lines of rows of one shape, from one envelope, begin and name their fields: made once for all of them.
struct JsonLineForm {
  std::string begin;                  // Up to the seq.
  std::string keys;                   // With comma and colon, one behind the other; and padding.
  std::vector<std::size_t> key_ends;  // By field.
  std::size_t short_max = 0;          // Bytes of time and fields at most, but texts and bytes.
};
JsonLineForm json_line_form(const RowIdentity& identity, const Shape& shape);
void append_json_line(std::string& to, const JsonLineForm& form, std::uint64_t seq, const Row& row);
// The same for who knows no envelopes, without a newline: who it is comes first.
void append_json_message(std::string& to, const RowIdentity& identity, const Row& row);
// The same of a row that is nobody's yet: {"_stream":..,"_time":..,<fields>}.
void append_json_record(JsonWriter& to, const Row& row);
// "2026-07-25T06:14:09.123456789Z"
std::string iso_time(std::int64_t ns);
// What iso_time() wrote; none: something else.
std::optional<std::int64_t> parse_iso_time(std::string_view text);
// "2026-07-25"
std::string iso_day(std::int64_t ns);

}  // namespace pinaflux
