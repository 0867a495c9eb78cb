// Verify: proves from the tables, and from the files that hold rows alone, that every record has landed once, or names what is wrong.
//
// Promise    Counts the rows that are really there, seq by seq, and holds them against what the ledger
//            says has landed. Reads one snapshot; changes nothing; may run beside the collector.
// Limits     kRangesShown ranges of a lane are named; all are counted.
// Threads    The caller's; blocks.
// Tests      tests/agent/collector/verify_test.cc
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/data/identity.h"
#include "platform/base/result.h"
#include "platform/base/time.h"
#include "platform/files.h"

namespace pinaflux {

// Days since 1970 (UTC); none: not known.
using Day = std::optional<std::int64_t>;

// Records by the day of their time. What is not there counts for the day of the record before it; after it, if it is the first.
struct DayReport {
  std::uint64_t landed = 0, missing = 0;
  std::map<std::string, std::uint64_t> lost;  // Declared, by reason.
};

struct LaneReport {
  std::string gateway, epoch, lane;
  std::uint64_t high = 0;                     // Everything up to here has landed or was declared.
  std::uint64_t last = 0;                     // What the gateway is known to have committed.
  std::uint64_t landed = 0;                   // Rows in tables and files, each seq once.
  std::map<std::string, std::uint64_t> lost;  // Declared, by reason.
  std::uint64_t earlier = 0;                  // Acknowledged before this database knew the lane.
  std::uint64_t renumbered = 0;               // Refused: it comes in another epoch.
  std::uint64_t outstanding = 0;              // Committed by the gateway, which keeps it.
  std::uint64_t missing = 0;      // Neither landed nor declared, nor kept by the gateway.
  std::uint64_t duplicates = 0;   // Rows beyond the first of a seq.
  std::uint64_t extra = 0;        // Rows that the ledger does not know.
  std::uint64_t moved = 0;        // In files that are away: not looked at.
  std::uint64_t redelivered = 0;  // Envelopes that came again and were recognised.
  std::uint64_t forks = 0;
  std::vector<Range> missing_ranges;
  std::optional<WallTime>
      gap_since;  // Of an account: records are here, and others before them are not.

  std::map<Day, DayReport> days;  // If they were asked for.

  std::uint64_t lost_count() const;
};

struct GatewayReport {
  std::string name, state;  // As it told last.
  WallTime seen;
};

// The lines of one envelope in one file, and not as they landed.
struct DamagedPiece {
  std::string file;
  std::uint64_t offset = 0;
  std::uint64_t rows = 0, lines = 0;  // That landed, that are there.
};

struct VerifyReport {
  static constexpr std::size_t kRangesShown = 16;
  static constexpr std::size_t kFilesShown = 8;
  std::vector<LaneReport> lanes;
  std::vector<GatewayReport> gateways;  // Of an account.
  std::uint64_t strays = 0;             // Rows of no lane that is known.
  // NDJSON files with rows that are nowhere else: those that are not there, or are others now,
  std::uint64_t files_moved = 0;
  std::vector<std::string> moved_files;  // kFilesShown of them;
  // and what was changed in the others.
  std::uint64_t pieces_damaged = 0;
  std::vector<DamagedPiece> damaged;  // kFilesShown of them.

  // Nothing is missing, nothing landed twice, nothing is there that did not land, nothing was changed: of what could be
  // looked at.
  bool complete() const;
  // All of it could be.
  bool proved() const { return moved_count() == 0; }
  std::uint64_t moved_count() const;
};

// Errors: not_found, denied, invalid (not a collector's database), newer, corrupt, io, busy.
// A file, or postgresql://... `vfs`: Files::sqlite_vfs() of where a file lies. `why` may be null; it gets a server's
// words, or which file of rows cannot be read.
// `by_day`: LaneReport::days, too. `files`: for rows that lie in files alone; without it, such a database is invalid.
Result<VerifyReport> verify(const std::string& database, const char* vfs = nullptr,
                            std::string* why = nullptr, bool by_day = false,
                            Files* files = nullptr);

// The same from the state alone, without looking at rows: what each gateway has landed, lost, and owes.
Result<VerifyReport> account(const std::string& database, std::string* why = nullptr);

std::string verify_json(const VerifyReport& report);  // "pinaflux.verify/1", one line.
std::string verify_text(const VerifyReport& report);  // For a terminal.
// Of an account. "pinaflux.gateways/1", one line; and for a terminal.
std::string gateways_json(const VerifyReport& report, WallTime now);
std::string gateways_text(const VerifyReport& report, WallTime now);

}  // namespace pinaflux
