// Damaged notes: the cursors and states of a damaged spool, in plain text or not yet opened.
//
// Order      That of the pages.
// Threads    Storage worker.
// Tests      tests/agent/spool/salvage_test.cc, encryption_test.cc
#pragma once

#include <vector>

#include "agent/spool/damaged_file.h"
#include "agent/spool/encryption.h"
#include "agent/spool/sealed_notes.h"
#include "platform/base/bytes.h"

namespace pinaflux {

class DamagedNotes {
 public:
  // The row is a note, or none.
  void take(DamagedFile& file, const DamagedFile::Row& row);
  // Those that a key opens, too.
  std::vector<Note> all(Encryption& keys);
  bool needs_other_key(const Encryption& keys) const;

 private:
  struct Sealed {
    Encryption::KeyId key = 0;
    Buffer name, value;
  };
  std::vector<Note> plain_;
  std::vector<Sealed> sealed_;
  Buffer payload_;  // Scratch.
  std::vector<DamagedFile::Page> pages_;
};

}  // namespace pinaflux
