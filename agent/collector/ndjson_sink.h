// NdjsonSink: lands rows as lines of JSON, in files by day and stream or in one file a day, in step with
// the database.
//
// Promise    After open(), by a crash or not, the files hold exactly the lines of the rows whose
//            transaction was committed: the length of each file is part of the transaction, and what is
//            beyond it is cut off on start.
// Order      append()* -> flush() -> the owner's COMMIT -> committed(); abandon() on a rollback.
// Limits     kFilesMax files stay open between transactions. A file that is not ours is left alone.
// Ownership  Database and Files must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/collector/ndjson_sink_test.cc
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/seal/row_json.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"
#include "platform/files.h"

namespace pinaflux {

struct NdjsonOptions {
  std::string directory;
  bool one_file = false;  // DIRECTORY/<day>.ndjson instead of DIRECTORY/<stream>/<day>.ndjson.
};

class NdjsonSink {
 public:
  // Cuts every file to the length that the database has for it. A file that is shorter is named in
  // `findings` and goes on from where it is; one that is gone was moved away by its reader.
  static Result<std::unique_ptr<NdjsonSink>> open(const NdjsonOptions& options, Files& files,
                                                  sqlite::Database& database,
                                                  std::vector<std::string>& findings);

  // `today` is the day of landing, as iso_day() writes it. On an error: abandon().
  Status append(const std::string& today, const RowIdentity& identity, std::span<const Row> rows);
  // Writes and syncs what was appended, and records the lengths in the open transaction.
  Status flush();
  void committed();
  // Forgets what was appended since the last commit.
  void abandon() { targets_.clear(); }

 private:
  static constexpr std::size_t kFilesMax = 64;
  static constexpr std::size_t kLinesMax = 1024 * 1024;  // Bytes in memory, a file.

  struct Target {
    std::string path;         // What the database records.
    std::uint64_t bytes = 0;  // Committed, and written since.
    bool fresh = false;       // Not committed yet: its bytes are in path + ".part".
    bool changed = false;
    std::string lines;
    std::unique_ptr<File> file;
  };

  NdjsonSink(const NdjsonOptions& options, Files& files) : options_(options), files_(&files) {}
  Status recover(std::vector<std::string>& findings);
  Status recover_one(const std::string& path, std::uint64_t bytes,
                     std::vector<std::string>& findings);
  std::string relative_path(const std::string& today, std::string_view stream) const;
  Result<Target*> target(const std::string& relative);
  Status open_target(const std::string& relative, Target& target);
  Status open_file(Target& target);
  Status write(Target& target);
  Result<std::int64_t> recorded(const std::string& path);  // -1: not recorded.

  NdjsonOptions options_;
  Files* files_;
  sqlite::Statement put_, get_, all_, drop_;
  std::map<std::string, Target> targets_;  // By relative path.
};

// A stream as the name of a folder: letters, digits, '-', '_', '.' stay, other bytes become %XX.
std::string folder_name(std::string_view stream);

}  // namespace pinaflux
