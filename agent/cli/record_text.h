// RecordText: opened records as text that other programs read: NDJSON, CSV, line protocol.
//
// NDJSON     agent/seal/row_json.h.
// CSV        One header line for all: _stream, _seq, _time, then every field that occurs. Absent and null are
//            empty cells; text is quoted where RFC 4180 asks for it.
// Lines      agent/seal/row_lines.h.
// Salvaged   What came out of a damaged envelope has _salvaged and _fields_lost: keys, columns, fields.
// Limits     CsvTable::kColumnsMax columns of kNamesBytesMax together.
// Threads    One owner.
// Tests      tests/agent/cli/record_text_test.cc
#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/seal/row_json.h"
#include "agent/seal/row_lines.h"
#include "platform/base/result.h"

namespace pinaflux {

enum class RecordFormat : std::uint8_t { ndjson, csv, lines };

// The columns of a CSV, in the order in which they appear.
class CsvTable {
 public:
  static constexpr std::size_t kColumnsMax = 65'536;
  static constexpr std::size_t kNamesBytesMax = 4 * 1024 * 1024;

  // `marked`: with columns for what was salvaged.
  explicit CsvTable(bool marked = false) : marked_(marked) {}

  // All of these get columns. Code::full: more than the limits.
  Status add(std::span<const Row> rows);
  bool has_all(std::span<const Row> rows) const;
  std::string header() const;
  void append(std::string& to, const RowIdentity& identity, const Row& row);
  // The shapes of the rows so far are gone.
  void forget_shapes() { mapped_ = nullptr; }

 private:
  void map(const Shape& shape);

  bool marked_;
  std::vector<std::string> columns_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::size_t names_bytes_ = 0;
  const Shape* mapped_ = nullptr;     // What fields_ is for.
  std::vector<std::int32_t> fields_;  // Of each column, or -1.
};

}  // namespace pinaflux
