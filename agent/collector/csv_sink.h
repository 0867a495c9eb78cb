// CsvSink: lands rows in CSV files by stream and day, for spreadsheets and what else reads tables.
//
// Promise    That of DayFiles, which must outlive it. Every file begins with its header line: _gateway, _epoch, _lane, _seq,
//            _time, then the fields. Records of a stream that have other fields go into a file of their own, whose name
//            tells them apart: DIRECTORY/<stream>/<day>.<8 hex digits of the fields>.csv.
// Cells      agent/seal/row_csv.h.
// Threads    Storage worker.
// Tests      tests/agent/collector/csv_sink_test.cc
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "agent/collector/day_files.h"
#include "agent/seal/row_json.h"
#include "platform/base/result.h"

namespace pinaflux {

struct CsvOptions {
  std::string directory;
  std::uint64_t file_bytes_max = DayFiles::kNoLimit;
};

class CsvSink {
 public:
  CsvSink(const CsvOptions& options, DayFiles& files) : options_(options), files_(&files) {}

  // `today` is the day of landing, as iso_day() writes it. On an error: DayFiles::abandon().
  Status append(const std::string& today, const RowIdentity& identity, std::span<const Row> rows);

 private:
  CsvOptions options_;
  DayFiles* files_;
};

}  // namespace pinaflux
