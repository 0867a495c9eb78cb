// Damaged letters: the dead letters of a damaged spool.
//
// Order      Rising by id. Those of a page that is read twice (an older image) count once, the last one.
// Limits     32 bytes of memory a letter: contents are read when they are moved.
// Ownership  The DamagedFile must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/spool/salvage_letters_test.cc
#pragma once

#include <map>
#include <set>

#include "agent/spool/damaged_file.h"
#include "agent/spool/letters.h"
#include "platform/base/bytes.h"
#include "platform/base/result.h"

namespace pinaflux {

struct FoundLetter {
  Letter letter;
  Buffer content;  // As it is stored.
};

class DamagedLetters {
 public:
  explicit DamagedLetters(DamagedFile& file) : file_(file) {}

  // The row is a letter, or none.
  void take(const DamagedFile::Row& row, DamagedFile::Page page);
  bool needs_other_key(const Encryption& keys) const;
  // The first whose id is above; corrupt: it cannot be read, `to` has its id. False: none is left.
  Result<bool> next(LetterId above, FoundLetter& to);

 private:
  Status read(const DamagedFile::Row& row, FoundLetter& to);

  DamagedFile& file_;
  std::map<LetterId, DamagedFile::Page> pages_;
  std::set<Encryption::KeyId> keys_;
  Buffer payload_;  // Scratch.
};

}  // namespace pinaflux
