// Notes: what commits with the records but is not sent: cursors of sources, state of the pipeline, and
// dead letters.
//
// Limits     Dead letters have a budget of rows: the oldest go first. In one commit the refusals of one
//            source for one reason are written one by one up to kLettersEach, then as one row.
// Ownership  The Database must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/spool/spool_test.cc
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "agent/data/group.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"

namespace pinaflux {

class Notes {
 public:
  static constexpr std::size_t kLettersEach = 16;
  static constexpr std::uint64_t kLetterBytes = 64;  // Of a row, its share of the page included.

  static Result<Notes> prepare(sqlite::Database& database, std::uint64_t letters_max);

  // Everything of the group that is ours. `sources` are names by SourceIndex.
  Status write(const Group& group, const std::vector<std::string>& sources, Stamp now);
  // Bytes that write() may add, roughly.
  static std::uint64_t estimate(const Group& group);

  using Cursors = std::vector<std::pair<std::string, std::vector<std::pair<std::string, Buffer>>>>;
  Result<Cursors> cursors();
  Result<std::vector<StateEdit>> states();
  Result<std::uint64_t> letters();  // Refusals that the rows held stand for.

 private:
  Notes() = default;
  Status write_cursors(const Group& group, const std::vector<std::string>& sources);
  Status write_states(const Group& group);
  Status write_letters(const Group& group, const std::vector<std::string>& sources, Stamp now);
  Status write_letter(const Refusal& refusal, std::uint64_t count, const std::string& source,
                      Stamp now);

  std::uint64_t letters_max_ = 0;
  sqlite::Statement put_cursor_, erase_cursor_, all_cursors_;
  sqlite::Statement put_state_, erase_state_, all_states_;
  sqlite::Statement put_letter_, trim_letters_, count_letters_;
};

}  // namespace pinaflux
