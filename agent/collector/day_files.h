// DayFiles: files that grow by appending, a new one each day, in step with the database.
//
// Promise    After open(), by a crash or not, the files hold exactly what was appended by transactions that were
//            committed: the length of each file is part of the transaction, and what is beyond it is cut off on
//            start. A file that does not begin as the one that was recorded is never written nor cut. What was
//            committed lay under its name then, and the name was on disk.
// Order      to(), grown() -> flush() -> the owner's COMMIT -> committed(); abandon() on a rollback.
// Limits     kFilesMax files are open. A file that is not ours is left alone. One that has reached its limit gets a
//            successor, <name>-2 and so on, with the next transaction; its name is not used again, wherever it is moved.
//            So it is with every file that was moved away, where the files are the only copy.
// Ownership  Database and Files must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/collector/day_files_test.cc, ndjson_sink_test.cc, archive_test.cc
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/data/identity.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"
#include "platform/files.h"

namespace pinaflux {

// How a file begins: by this it is known again, wherever it was meanwhile.
struct FileHead {
  std::uint64_t bytes = 0;
  Digest hash{};

  // False also if it is shorter.
  Result<bool> is_of(File& file) const;
};

struct FileCare {
  // What is in them is nowhere else: a name is given once, and what is cut off is kept beside.
  bool only_copy = false;
  bool heads = true;      // The database keeps them; else lengths alone.
  std::string base = {};  // Where relative paths of the records are looked for; empty: as they are.
};

class DayFiles {
 public:
  // A file without its name yet is this behind it.
  static constexpr const char* kPart = ".part";
  static constexpr std::uint32_t kDirectoryMode = 0750;  // Of folders that are made.
  // What was cut off a file last, if it is the only copy.
  static constexpr const char* kCut = ".cut";

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
    // Where its bytes are now.
    std::string place() const { return fresh_ ? path_ + kPart : path_; }

    std::string path_;             // What the database records; empty: not chosen yet.
    std::uint64_t bytes_ = 0;      // Committed, and written since.
    std::uint64_t committed_ = 0;  // Of them.
    bool fresh_ = false;           // Not committed yet: its bytes are in path + ".part".
    bool changed_ = false;
    std::uint64_t bytes_max_ = 0;
    FileHead head_;        // Of a fresh one.
    FileInfo info_;        // As it was opened: device and inode.
    bool opened_ = false;  // It was; it may be closed for others now.
    std::unique_ptr<File> file_;
  };

  // What is recorded of them.
  static Status make_table(sqlite::Database& database);
  // Cuts every file to the length that the database has for it. One that is shorter, or another than was recorded, is
  // named in `findings` and left as it is; one that is gone was moved away by its reader.
  static Result<std::unique_ptr<DayFiles>> open(Files& files, sqlite::Database& database,
                                                std::vector<std::string>& findings,
                                                const FileCare& care = {});

  // The same once more, where the database may have taken another course than was thought.
  Status recover(std::vector<std::string>& findings);
  static constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};
  // The file `name` + `end`; where that is somebody else's or has `bytes_max` bytes, `name`-2 and so on. Dies with
  // committed() and abandon().
  Result<Target*> to(const std::string& name, std::string_view end,
                     std::uint64_t bytes_max = kNoLimit);
  // Its text has grown.
  Status grown(Target& target) { return target.text.size() < kTextMax ? Status() : write(target); }
  // Writes and syncs what was appended, and records the lengths in the open transaction. Code::io also if a file is not
  // under its name any more: the transaction fails, and the next one begins another file.
  Status flush();
  void committed();
  // What lies there, also if it was appended in this transaction. Errors: not_found (it was moved away, or is shorter).
  Result<std::string> read(const std::string& path, std::uint64_t offset, std::size_t bytes);
  // Forgets what was appended since the last commit.
  void abandon() { targets_.clear(), files_open_ = 0; }
  // What befell them since it was asked last.
  std::vector<std::string> take_findings() { return std::exchange(findings_, {}); }

 private:
  static constexpr std::size_t kFilesMax = 64;
  static constexpr std::int64_t kUnknown = std::numeric_limits<std::int64_t>::min();
  static constexpr std::size_t kTextMax = 1024 * 1024;  // Bytes in memory, a file.
  static constexpr std::uint64_t kHeadBytesMax = 4'096;

  DayFiles(Files& files, const FileCare& care) : files_(&files), care_(care) {}
  Status prepare(sqlite::Database& database);
  Status find_relative(std::string& path, std::vector<std::string>& lost);
  Status recover_one(const std::string& path, std::int64_t recorded,
                     std::vector<std::string>& findings);
  Status retire(const std::string& path, std::int64_t recorded);
  Status cut(const std::string& path, std::uint64_t from, std::uint64_t to,
             std::vector<std::string>& findings);
  Status keep(File& file, std::uint64_t from, std::uint64_t to, const std::string& beside);
  Status open_target(const std::string& name, std::string_view end, Target& target);
  Result<bool> goes_on(const std::string& path, std::int64_t recorded);
  Status open_file(Target& target);
  bool in_place(const Target& target);
  Status lost(Target& target);
  Status write(Target& target);
  Status write_pending(const std::string& path);
  Status close_all();
  // Moves the .part of a committed file to its name. Errors: not_found (it is none of that file), exists.
  Status give_name(const std::string& path);
  void give_names();
  // Of bytes; kUnknown: not recorded. A file that is full is recorded by their negative.
  Result<std::int64_t> recorded(const std::string& path);
  Status record(const std::string& path, std::int64_t bytes);
  Status adopt(const std::string& path, std::uint64_t bytes);
  Status record_head(const std::string& path, const FileHead& head);
  // No bytes: not recorded.
  Result<FileHead> head_of(const std::string& path);
  // Whether `place` is there, and begins as the file that is recorded under `path`.
  Result<bool> is_it(const std::string& path, const std::string& place);

  Files* files_;
  FileCare care_;
  sqlite::Statement put_, get_, all_, drop_, move_, put_head_, get_head_, drop_head_;
  std::map<std::string, Target> targets_;  // By name and end.
  std::size_t files_open_ = 0;             // Of them.
  std::set<std::string> unnamed_;          // Committed, and still under .part.
  std::vector<std::string> findings_;
};

}  // namespace pinaflux
