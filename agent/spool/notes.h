// Notes: what commits with the records but is not sent: cursors of sources and state of the pipeline.
//
// Promise    With encryption, cursors and states are in `sealed_notes`, whichever table they were in before.
// Ownership  Database and Encryption must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/spool/spool_test.cc, encryption_test.cc
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "agent/data/group.h"
#include "agent/spool/encryption.h"
#include "agent/spool/sealed_notes.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"

namespace pinaflux {

class Notes {
 public:
  Notes(const sqlite::Database& database, Encryption& encryption);
  // Writes up to kConvertedEach cursors and states anew that are not stored as new ones would be (in
  // plain text, or under another key), in the running transaction. How many there were.
  static constexpr std::size_t kConvertedEach = 1'000;
  Result<std::size_t> convert();

  // Everything of the group that is ours. `sources` are names by SourceIndex.
  Status write(const Group& group, const std::vector<std::string>& sources);
  // In place of one with the same key.
  Status put(const Note& note);
  Status erase(const Note& note);

  using Cursors = std::vector<std::pair<std::string, std::vector<std::pair<std::string, Buffer>>>>;
  Result<Cursors> cursors();
  Result<std::vector<StateEdit>> states();

 private:
  Status put_plain(const Note& note);
  Status erase_plain(const Note& note);
  Result<std::vector<Note>> plain(Note::Kind kind);
  Result<std::vector<Note>> all(Note::Kind kind);
  Status write_cursors(const Group& group, const std::vector<std::string>& sources);
  Status write_states(const Group& group);

  Encryption* encryption_ = nullptr;
  SealedNotes sealed_;
  sqlite::Statement put_cursor_, erase_cursor_, all_cursors_;
  sqlite::Statement put_state_, erase_state_, all_states_;
};

}  // namespace pinaflux
