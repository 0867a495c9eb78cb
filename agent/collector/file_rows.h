// FileRows: rows that lie in NDJSON files alone, beside those that lie in tables; the state says which and where.
//
//   pinaflux_line_file | id | path                         a file of the same name that begins anew gets another id
//   pinaflux_piece     | lane | first | file | last | offset | bytes | rows | sum
//                        of an envelope that landed, its lines in a file: they lie one behind the other; sum: see LinePiece
//   pinaflux_rows      | alone                              whether rows landed in files alone at the last start
//
// Promise    A piece is part of the transaction that landed its lines. What landed in tables before the mode changed
//            stays there, and what landed in files stays in files: both are found.
// Ownership  Database, Tables and DayFiles must outlive it. forget() after every rollback.
// Threads    Storage worker.
// Tests      tests/agent/collector/file_rows_test.cc
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/collector/day_files.h"
#include "agent/collector/landed_line.h"
#include "agent/collector/ndjson_sink.h"
#include "agent/collector/tables.h"
#include "agent/data/identity.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"

namespace pinaflux {

class FileRows final : public Tables {
 public:
  static constexpr const char* kPieces = "pinaflux_piece";

  // Whether rows lie in files alone.
  static Result<bool> are_in(sqlite::Database& database);
  // Whether they landed in files alone at the last start, none if there was none; and keeps it for the next.
  static Result<std::optional<bool>> remember(sqlite::Database& database, bool alone);
  // `alone`: what lands goes to files alone; else it goes to `tables`.
  static Result<FileRows> prepare(sqlite::Database& database, Tables& tables, DayFiles& files,
                                  bool alone, const std::string& base = {});

  Status land(std::int64_t lane, const RowIdentity& identity, std::span<const Row> rows,
              std::span<const std::int64_t> anchors = {}) override;
  // Where the lines lie of what landed as `range`.
  Status note(std::int64_t lane, const Range& range, std::span<const LinePiece> pieces);
  // By its line; none where that was moved away. Here values are the same as they are written: null is not absent.
  Result<std::optional<Stamp>> landed_like(std::int64_t lane, std::uint64_t seq,
                                           const Row& row) override;
  Doubt doubt() const override { return doubt_; }
  Result<std::uint64_t> nth_seq(const std::string& stream, std::int64_t lane, const Range& range,
                                std::int64_t count) override;
  // Of tables: lines are never rewritten.
  Status retime(const Retiming& retiming) override { return tables_->retime(retiming); }
  std::string key_of_stream(std::string_view stream) const override;
  void forget() override;

 private:
  // The lines of what landed as one range, read again.
  struct Envelope {
    std::int64_t lane = 0;
    Range range{1, 0};
    bool whole = true;  // All of its pieces could be read.
    std::vector<std::string> texts;
    std::map<std::uint64_t, std::string_view> lines;  // By seq.
  };

  FileRows(Tables& tables, DayFiles& files, bool alone)
      : tables_(&tables), files_(&files), alone_(alone) {}
  Result<std::int64_t> number_of(const LinePiece& piece);
  Status read_envelope(std::int64_t lane, std::uint64_t seq);
  Status read_piece(const std::string& path, std::uint64_t offset, std::size_t bytes);

  Tables* tables_;
  DayFiles* files_;
  bool alone_;
  std::map<std::string, std::int64_t> numbers_;  // By path.
  Envelope read_;
  Doubt doubt_ = Doubt::none;
  sqlite::Statement note_, find_, add_file_, find_file_;
};

}  // namespace pinaflux
