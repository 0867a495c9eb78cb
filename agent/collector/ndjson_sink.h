// NdjsonSink: lands rows as lines of JSON, in files by day and stream or in one file a day.
//
// Promise    That of DayFiles, which must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/collector/ndjson_sink_test.cc
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collector/day_files.h"
#include "agent/seal/row_json.h"
#include "platform/base/result.h"

namespace pinaflux {

struct NdjsonOptions {
  std::string directory;
  bool one_file = false;  // DIRECTORY/<day>.ndjson instead of DIRECTORY/<stream>/<day>.ndjson.
  std::uint64_t file_bytes_max = DayFiles::kNoLimit;
};

// Where lines of one envelope lie, one behind the other.
struct LinePiece {
  std::string path;
  std::uint64_t offset = 0, bytes = 0;
  std::uint64_t rows = 0;
  std::uint64_t sum = 0;  // Of line_sum() of each.
};

class NdjsonSink {
 public:
  // Its directory is there.
  NdjsonSink(const NdjsonOptions& options, DayFiles& files) : options_(options), files_(&files) {}

  // `today` is the day of landing, as iso_day() writes it. On an error: DayFiles::abandon().
  Status append(const std::string& today, const RowIdentity& identity, std::span<const Row> rows);
  // Of the last append(), one for each file.
  std::span<const LinePiece> pieces() const { return pieces_; }

 private:
  // Rows of one shape, in one append().
  struct Part {
    JsonLineForm form;
    std::size_t piece = 0;
    DayFiles::Target* to = nullptr;
  };

  Result<Part> begin_part(const std::string& today, const RowIdentity& identity,
                          const Shape& shape);
  std::string name_of(const std::string& today, std::string_view stream) const;

  NdjsonOptions options_;
  DayFiles* files_;
  std::vector<LinePiece> pieces_;
};

// A stream as the name of a folder: letters, digits, '-', '_', '.' stay, other bytes become %XX.
std::string folder_name(std::string_view stream);

}  // namespace pinaflux
