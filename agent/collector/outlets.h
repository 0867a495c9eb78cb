// Outlets: where rows and envelopes go besides the database, or in its place: files by day, an archive, a server for line protocol.
//
// Promise    Its folders belong to one collector at a time. What a transaction landed is in the files, and taken by the server, when it is committed, or the transaction
//            fails; what is not committed is cut off the files, and posted again as the same points.
// Order      take_rows(), take_envelope() -> flush() -> the owner's commit -> committed(); abandon() on a rollback.
// Ownership  Database, Files and Poster must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/collector/{ndjson_sink,csv_sink,archive,line_sink}_test.cc
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/collector/archive.h"
#include "agent/collector/csv_sink.h"
#include "agent/collector/day_files.h"
#include "agent/collector/line_sink.h"
#include "agent/collector/ndjson_sink.h"

namespace pinaflux {

struct OutletOptions {
  NdjsonOptions ndjson;            // No directory: no such files.
  CsvOptions csv = {};             // Likewise.
  std::string archive = {};        // A directory; empty: none.
  Poster* lines = nullptr;         // Rows are posted there.
  std::string lines_refused = {};  // Folder of the lines that it does not take.

  bool none() const {
    return ndjson.directory.empty() && csv.directory.empty() && archive.empty() && lines == nullptr;
  }
};

class Outlets {
 public:
  // Cuts files to what was committed, see DayFiles::open().
  // Code::exists: another collector writes into one of the folders.
  static Result<std::unique_ptr<Outlets>> open(const OutletOptions& options, Files& files,
                                               sqlite::Database& database,
                                               std::vector<std::string>& findings,
                                               const FileCare& care = {});

  // The same once more, where the database may have taken another course than was thought.
  Status recover(std::vector<std::string>& findings);
  // `today`: the day of landing. Errors stop everything: what was appended cannot be taken back alone.
  Status take_rows(const std::string& today, const RowIdentity& identity,
                   std::span<const Row> rows);
  Status take_envelope(const std::string& today, Bytes envelope, const PackedWith& with);
  Status flush(const std::string& today);
  void committed() { files_->committed(); }
  void abandon();
  // An arrival was undone.
  void undone();

  DayFiles& files() { return *files_; }
  // Where the lines of the last take_rows() lie.
  std::span<const LinePiece> pieces() const {
    return ndjson_ ? ndjson_->pieces() : std::span<const LinePiece>();
  }
  std::vector<std::string> take_findings() { return files_->take_findings(); }
  std::uint64_t take_refused_lines() { return lines_ ? lines_->take_refused() : 0; }
  // Why nothing lands; empty when there is nothing to say.
  std::string trouble() const { return lines_ ? lines_->trouble() : std::string(); }

 private:
  Outlets() = default;
  void abandon_files();
  Status lock(const OutletOptions& options, Files& files, std::vector<std::string>& findings);

  std::vector<std::unique_ptr<FileLock>> locks_;
  std::unique_ptr<DayFiles> files_;
  std::optional<NdjsonSink> ndjson_;
  std::optional<CsvSink> csv_;
  std::optional<Archive> archive_;
  std::optional<LineSink> lines_;
};

}  // namespace pinaflux
