// FileRecount: the rows that lie in NDJSON files alone, counted line by line.
//
// Promise    A line counts if it is whole, lies within the length that was committed, and the state says that its row lies in
//            this file. Others (landed in tables as well, or written by somebody else) are passed over.
// Limits     About a bit of memory for each record, 512 bytes for each 4,096 seqs and day.
// Threads    The caller's; blocks.
// Tests      tests/agent/collector/file_rows_test.cc
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collector/verify.h"
#include "agent/data/identity.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"
#include "platform/files.h"

namespace pinaflux {

// Seqs, and how often each is there.
class SeqSet {
 public:
  // In order; one that is there twice comes twice.
  class Cursor {
   public:
    Cursor(const SeqSet& set, Day day) : set_(&set), at_(set.chunks_.begin()), day_(day) {}
    bool next(std::uint64_t& seq);
    Day day() const { return day_; }

   private:
    const SeqSet* set_;
    std::map<std::uint64_t, std::array<std::uint64_t, 64>>::const_iterator at_;
    unsigned bit_ = 0;
    std::uint64_t seq_ = 0, again_ = 0;
    Day day_;
  };

  void add(std::uint64_t seq);

 private:
  static constexpr unsigned kBits = 12;  // A chunk has so many seqs.
  using Chunk = std::array<std::uint64_t, (1U << kBits) / 64>;

  std::map<std::uint64_t, Chunk> chunks_;
  std::map<std::uint64_t, std::uint64_t> again_;  // Beyond the first.
};

class FileRecount {
 public:
  // Reads all files of the state.
  Status read(sqlite::Database& database, Files& files);

  std::vector<SeqSet::Cursor> seqs(std::int64_t lane) const;
  // What landed together with rows in files that are not there any more, in order; and how many files those are.
  std::vector<Range> away(std::int64_t lane) const;
  std::uint64_t files_away() const { return files_away_; }

 private:
  // What the state says lies in a file, in order.
  using Held = std::map<std::int64_t, std::vector<Range>>;
  struct FileEntry {
    std::string path;
    std::int64_t bytes = -1;  // Committed; -1: the state has forgotten it.
    bool newest = true;       // Of those that had this name.
    Held held;
  };

  Status read_state(sqlite::Database& database);
  Status read_lanes(sqlite::Database& database);
  Status read_paths(sqlite::Database& database);
  Status read_pieces(sqlite::Database& database);
  Status count(Files& files, const FileEntry& entry);
  Status count_lines(File& file, std::uint64_t bytes, const Held& held);
  void take_line(std::string_view line, const Held& held);
  void lose(const FileEntry& entry);

  std::map<std::string, std::int64_t, std::less<>> lanes_;  // As a line names them.
  std::map<std::int64_t, FileEntry> entries_;
  std::map<std::int64_t, std::map<Day, SeqSet>> seqs_;
  std::map<std::int64_t, std::vector<Range>> away_;
  std::uint64_t files_away_ = 0;
};

}  // namespace pinaflux
