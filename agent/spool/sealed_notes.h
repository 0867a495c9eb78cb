// Sealed notes: cursors and states in a spool that is encrypted, in one table. A row tells of a note
// neither which it is nor what it says.
//
// Errors     sqlite.h's. What does not open is left out, as if it had never been written.
// Ownership  Database and Encryption must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/spool/encryption_test.cc. Table: FORMAT.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/spool/encryption.h"
#include "agent/spool/sqlite.h"
#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux {

struct Note {
  enum class Kind : std::uint8_t { cursor = 0, state = 1 };
  Kind kind = Kind::cursor;
  std::string source;  // Of a cursor.
  std::string key;
  Buffer value;
};

// Nothing: it does not open.
std::optional<Note> open_note(Encryption& encryption, Encryption::KeyId key, Bytes name,
                              Bytes sealed);

class SealedNotes {
 public:
  // Without the table it holds nothing, and only erase() may be called.
  SealedNotes(const sqlite::Database& database, Encryption& encryption);

  Status put(const Note& note);    // In place of one with the same key.
  Status erase(const Note& note);  // By its key, if it is there.
  Result<std::vector<Note>> all(Note::Kind kind);
  // At most `most` that are not under the current root; those that do not open are erased.
  Result<std::vector<Note>> old(std::size_t most);

 private:
  std::optional<Note> open();
  Status erase(Bytes name);

  Encryption* encryption_ = nullptr;
  sqlite::Statement put_, erase_, all_;
  Buffer text_, sealed_;  // Scratch.
};

}  // namespace pinaflux
