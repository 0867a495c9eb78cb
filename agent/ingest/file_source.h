// FileSource: follows files that grow, line by line, through rotation.
//
// Promise    Exactly once: the position after a line is committed with the line's record. Rotation by
//            renaming is followed: what the old file holds comes before the new one, and it stays open
//            until its writer has been quiet for a while; also when it happened while the agent was down
//            and the old file is still in the same folder. A file that shrank was truncated and is read from its start; what was written and truncated between
//            two looks is lost, unseen. A partial last line waits.
// Order      Lines of a file in order; the files of a pattern take turns.
// Limits     kFilesMax files at a time; a look every `every`.
// Failure    A missing file is a state, not an error; so is one that cannot be read.
// Threads    Loop. Reads are bounded, of files in the page cache.
// Tests      tests/agent/ingest/file_source_test.cc
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/ingest/followed_file.h"
#include "agent/ingest/format.h"
#include "agent/ingest/options.h"
#include "agent/ingest/source.h"

namespace pinaflux {

struct FileSourceOptions : SourceOptions {
  std::string path;  // The last component may hold * and ?.
  enum class From : std::uint8_t { start, end };
  From from = From::start;  // Of files that are there at the very first start; later ones: start.
  Duration every = Duration::milliseconds(250);
};

class FileSource final : public Source {
 public:
  static constexpr std::size_t kFilesMax = 64;

  FileSource(FileSourceOptions options, const SourceHost& host);

  void restore(std::vector<Cursor> cursors) override;
  Status start() override;
  void poll(Intake& intake) override;
  bool ready() const override;
  bool stalled() const override { return false; }
  void committed(const Receipt& receipt) override { health_.records_committed += receipt.records; }
  void hold(Hold why) override { held_ = why != Hold::none; }
  SourceHealth health() const override;

 private:
  void look();
  void follow_new_files();
  void follow(const std::string& path, const FileInfo& info);
  void retire();
  std::vector<std::string> matching(std::vector<std::string> names) const;
  bool take(FollowedFile& file, Intake& intake);
  void take_beginning(Intake& intake);

  const FileSourceOptions options_;
  const SourceHost host_;
  std::string folder_, pattern_;
  Decoder decoder_;
  std::unique_ptr<Timer> timer_;
  std::map<std::uint64_t, FilePosition> restored_;  // By inode; not met yet.
  std::vector<std::unique_ptr<FollowedFile>> files_;
  std::vector<std::string> rows_to_erase_;
  bool begun_ = false;          // There has been a start before this look.
  bool beginning_due_ = false;  // The first positions are not in a parcel yet.
  std::size_t next_ = 0;
  Ticket ticket_ = 0;
  bool held_ = false;
  Error error_{};
  bool failed_ = false;
  SourceHealth health_;
};

// Shell-like: * any characters, ? one.
bool matches_glob(std::string_view pattern, std::string_view name);

}  // namespace pinaflux
