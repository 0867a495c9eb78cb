// DayFiles: files that grow by appending, a new one each day, in step with the database.
//
// Promise    After open(), by a crash or not, the files hold exactly what was appended by transactions that were
//            committed: the length of each file is part of the transaction, and what is beyond it is cut off on
//            start.
// Order      to(), grown() -> flush() -> the owner's COMMIT -> committed(); abandon() on a rollback.
// Limits     kFilesMax files are open. A file that is not ours is left alone. One that has reached its limit gets a
//            successor, <name>-2 and so on, with the next transaction; its name is not used again, wherever it is moved.
// Ownership  Database and Files must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/collector/ndjson_sink_test.cc, archive_test.cc
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/spool/sqlite.h"
#include "platform/base/result.h"
#include "platform/files.h"

namespace pinaflux {

class DayFiles {
 public:
  // A file without its name yet is this behind it.
  static constexpr const char* kPart = ".part";

  class Target {
   public:
    std::string text;  // To be appended.
    // Nothing is in it yet.
    bool begins() const { return bytes_ == 0 && text.empty(); }
    // Where what is appended next will lie.
    std::uint64_t end() const { return bytes_ + text.size(); }
    const std::string& path() const { return path_; }

   private:
    friend class DayFiles;
    std::string path_;         // What the database records; empty: not chosen yet.
    std::uint64_t bytes_ = 0;  // Committed, and written since.
    bool fresh_ = false;       // Not committed yet: its bytes are in path + ".part".
    bool changed_ = false;
    std::uint64_t bytes_max_ = 0;
    std::unique_ptr<File> file_;
  };

  // What is recorded of them.
  static Status make_table(sqlite::Database& database);
  // Cuts every file to the length that the database has for it. A file that is shorter is named in
  // `findings` and left as it is; one that is gone was moved away by its reader.
  static Result<std::unique_ptr<DayFiles>> open(Files& files, sqlite::Database& database,
                                                std::vector<std::string>& findings);

  // The same once more, where the database may have taken another course than was thought.
  Status recover(std::vector<std::string>& findings);
  Status make_directory(const std::string& directory);
  static constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};
  // The file `name` + `end`; where that is somebody else's or has `bytes_max` bytes, `name`-2 and so on. Dies with
  // committed() and abandon().
  Result<Target*> to(const std::string& name, std::string_view end,
                     std::uint64_t bytes_max = kNoLimit);
  // Its text has grown.
  Status grown(Target& target) { return target.text.size() < kTextMax ? Status() : write(target); }
  // Writes and syncs what was appended, and records the lengths in the open transaction.
  Status flush();
  void committed();
  // What lies there, also if it was appended in this transaction. Errors: not_found (it was moved away, or is shorter).
  Result<std::string> read(const std::string& path, std::uint64_t offset, std::size_t bytes);
  // Forgets what was appended since the last commit.
  void abandon() { targets_.clear(), files_open_ = 0; }

 private:
  static constexpr std::size_t kFilesMax = 64;
  static constexpr std::int64_t kUnknown = std::numeric_limits<std::int64_t>::min();
  static constexpr std::size_t kTextMax = 1024 * 1024;  // Bytes in memory, a file.

  explicit DayFiles(Files& files) : files_(&files) {}
  Status recover_one(const std::string& path, std::int64_t recorded,
                     std::vector<std::string>& findings);
  Status open_target(const std::string& name, std::string_view end, Target& target);
  Status open_file(Target& target);
  Status write(Target& target);
  Status write_pending(const std::string& path);
  Status close_all();
  // Of bytes; kUnknown: not recorded. A file that is full is recorded by their negative.
  Result<std::int64_t> recorded(const std::string& path);

  Files* files_;
  sqlite::Statement put_, get_, all_, drop_;
  std::map<std::string, Target> targets_;  // By name and end.
  std::size_t files_open_ = 0;             // Of them.
};

}  // namespace pinaflux
