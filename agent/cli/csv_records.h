// CsvRecords: the lines of a CSV as records, each as a source would read it from JSON: {"temp":21.5,"state":"run"}.
//
// Names      Of the first line.
// Cells      Numbers where they are written as such, true, false, else texts, without the blanks around them; in quotes a text. One with
//            nothing in it is no field. The source's time field is the record's time.
// Limits     One record at a time is in the intake, which is the caller's to reset.
// Ownership  Views the text and the options; the intake outlives it.
// Threads    One owner.
// Tests      tests/agent/cli/run_once_test.cc
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/ingest/record_builder.h"
#include "platform/base/csv.h"

namespace pinaflux {

class CsvRecords {
 public:
  CsvRecords(std::string_view text, const SourceOptions& source, std::string_view stream,
             Intake& intake)
      : cells_(text), source_(source), stream_(stream), intake_(intake), builder_(source.time) {}

  enum class Next : std::uint8_t { record, mistake, end };
  // A record is the only one of the intake; its time is `arrival`, if it has none of its own. Behind a mistake the next line comes, if
  // there is any way to find it.
  Next next(Stamp arrival);
  // Of the mistake; a line, from 1, and a byte of it, from 0.
  std::uint32_t line() const { return line_; }
  std::size_t at() const { return at_; }
  const std::string& what() const { return what_; }
  const char* fix() const { return fix_; }

 private:
  bool read_names();
  std::expected<void, Fault> add(std::size_t column);
  Next mistake(std::string what, const char* fix, std::uint32_t line, std::size_t at);
  Next broken();

  CsvCells cells_;
  const SourceOptions& source_;
  const std::string_view stream_;
  Intake& intake_;
  RecordBuilder builder_;
  std::vector<std::string> names_;
  std::string what_;
  const char* fix_ = "";
  std::uint32_t line_ = 0;
  std::size_t at_ = 0;
  std::size_t size_ = 0;  // Of the record so far.
  bool ended_ = false;
};

}  // namespace pinaflux
