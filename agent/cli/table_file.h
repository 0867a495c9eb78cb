// TableFile: a CSV or NDJSON file as rows, a batch at a time, for measuring.
//
// Types      Inferred from each cell's text, as JSON would say it: integer, decimal, true and false, text;
//            an empty cell is null. NDJSON brings its own.
// Time       The column `time`, `timestamp`, `ts`, `date` (with _s, _ms, _us, _ns behind it, or whatever unit
//            fits its size; or RFC 3339). Without one all rows have time 0.
// Limits     A cell of a CSV holds no line break. Memory for one batch.
// Ownership  Rows live until the next read(); shapes as long as this.
// Threads    One owner.
// Tests      tests/agent/cli/table_file_test.cc
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/data/intake.h"
#include "agent/data/record.h"
#include "agent/ingest/json.h"
#include "platform/base/arena.h"
#include "platform/base/result.h"

namespace pinaflux::bench {

class TableFile {
 public:
  // Errors: not_found, invalid (no header line).
  static Result<std::unique_ptr<TableFile>> open(const std::string& path);

  // Replaces `rows` by at most `most` further ones; none at the end. Errors: invalid, and line() says where.
  Status read(std::size_t most, std::vector<Row>& rows);
  std::uint64_t line() const { return line_; }
  // Cells so far, times included, and what the same rows come to as JSON without a space or a newline.
  std::uint64_t values() const { return values_; }
  std::uint64_t json_bytes() const { return json_bytes_; }

 private:
  using Lines = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
  explicit TableFile(Lines lines)
      : lines_(std::move(lines)), intake_(shapes_), builder_({"time", TimeField::Unit::rfc3339}) {}
  bool next_line();
  Status begin_csv();
  Status row_of_csv(Row& row);
  Status row_of_json(Row& row);
  Status cut_cells();
  void find_time();
  Value cell_of(std::string_view text);

  Lines lines_;
  bool json_ = false;
  bool kept_ = false;  // The line in text_ is yet to be read.
  std::string text_;
  std::uint64_t line_ = 0, values_ = 0, json_bytes_ = 0;
  std::vector<std::string> names_, cells_;
  std::optional<std::size_t> time_column_;
  std::int64_t time_unit_ = 0;  // Nanoseconds; 0: RFC 3339.
  Shapes shapes_;
  const Shape* shape_ = nullptr;
  Arena arena_{std::size_t{256} << 20};
  Intake intake_;
  JsonReader reader_;
  RecordBuilder builder_;
};

}  // namespace pinaflux::bench
