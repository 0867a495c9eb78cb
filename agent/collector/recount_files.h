// FileRecount: the rows that lie in NDJSON files alone, counted line by line.
//
// Promise    A line counts if it is whole, lies within the length that was committed, and the state says that its row lies in
//            this file. Others (landed in tables as well, or written by somebody else) are passed over. A piece whose lines
//            are not those that landed there, by number or sum, is damaged. Where a file begins otherwise than the one that
//            was written, and holds none of its rows, it is another one: they are away.
// Limits     About a bit of memory for each record, 512 bytes for each 4,096 seqs (and day, if they are asked for), 56 bytes for
//            each piece; kLineBytesMax of one line.
// Threads    The caller's; blocks.
// Tests      tests/agent/collector/file_rows_test.cc
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collector/day_files.h"
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
  static constexpr std::size_t kLineBytesMax = 64 * 1024 * 1024;  // None that we write has so many.

  // Reads all files of the state.
  Status read(sqlite::Database& database, Files& files, bool by_day);

  std::vector<SeqSet::Cursor> seqs(std::int64_t lane) const;
  // What landed together with rows in files that are not there any more, in order.
  std::vector<Range> away(std::int64_t lane) const;
  // Which files those are, and what is damaged in the others.
  void tell(VerifyReport& report) const;
  const std::string& unreadable() const { return unreadable_; }

 private:
  // What the state says lies in a file, in order.
  using Held = std::map<std::int64_t, std::vector<Range>>;
  struct Piece {
    std::uint64_t offset = 0, bytes = 0, rows = 0, sum = 0;
    bool summed = false;                   // One from before sums has none.
    std::uint64_t lines = 0, sum_now = 0;  // That are there.
    bool damaged() const { return lines != rows || (summed && sum_now != sum); }
  };
  struct FileEntry {
    std::string path;
    std::int64_t bytes = -1;  // Committed; -1: the state has forgotten it.
    bool newest = true;       // Of those that had this name.
    Held held;
    std::vector<Piece> pieces;  // By offset.
    FileHead head;              // No bytes: not kept.
    bool other = false;         // What is there begins otherwise,
    std::uint64_t rows = 0;     // and so many rows were found in it.
  };

  Status read_state(sqlite::Database& database);
  Status read_lanes(sqlite::Database& database);
  Status read_paths(sqlite::Database& database);
  Status read_pieces(sqlite::Database& database);
  Status read_heads(sqlite::Database& database);
  Status count(Files& files, FileEntry& entry);
  Result<std::unique_ptr<File>> open(Files& files, FileEntry& entry);
  Status count_lines(File& file, std::uint64_t bytes, FileEntry& entry);
  static void take_line(std::vector<Piece>& pieces, std::size_t& at, std::uint64_t offset,
                        std::string_view text);
  void judge(const FileEntry& entry);
  void take_row(std::string_view line, FileEntry& entry);
  void lose(const FileEntry& entry);

  std::map<std::string, std::int64_t, std::less<>> lanes_;  // As a line names them.
  std::map<std::int64_t, FileEntry> entries_;
  std::map<std::int64_t, std::map<Day, SeqSet>> seqs_;
  std::map<std::int64_t, std::vector<Range>> away_;
  bool by_day_ = false;
  std::uint64_t files_away_ = 0, pieces_damaged_ = 0;
  std::vector<std::string> paths_away_;
  std::vector<DamagedPiece> damaged_;
  std::string unreadable_;
};

}  // namespace pinaflux
