// Damaged lanes: what a damaged spool still holds, lane by lane, and the notes beside them.
//
// Promise    Pieces stand in order of seq, without what the far end has and without chunks that an envelope
//            was made of. What they say of themselves is not proven: see salvage.cc.
// Limits     About 100 bytes of memory a row of the queue.
// Ownership  The DamagedFile and the Encryption of the new spool must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/spool/salvage_test.cc, encryption_test.cc
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/data/identity.h"
#include "agent/spool/damaged_file.h"
#include "agent/spool/damaged_letters.h"
#include "agent/spool/damaged_notes.h"
#include "agent/spool/damaged_rows.h"
#include "agent/spool/encryption.h"
#include "agent/spool/lane.h"
#include "agent/spool/queue.h"

namespace pinaflux {

struct DamagedLane {
  struct Piece {
    std::int64_t id = 0;  // Of its row.
    Kind kind = Kind::envelope;
    Range range;
    Encryption::KeyId key = 0;
    Digest hash{};
    DamagedFile::Page page = 0;
  };

  bool known = false;  // Its row in `lanes` was found.
  std::string gateway, name;
  Epoch epoch{};
  std::uint64_t next_seq = 1, acked = 0, shed = 0;
  Digest chain{};
  bool never_sealed = false;  // So its row says: no chunk of it can be stale.
  Buffer stored_chain;        // It may be encrypted.
  std::vector<Piece> pieces;
};

class DamagedLanes {
 public:
  // `encryption` has the roots; the keys are those that lie in the damaged file.
  DamagedLanes(DamagedFile& file, const Encryption& encryption)
      : file_(file), keys_(encryption.for_damaged()), letters_(file) {}

  // Looks at every page, once.
  Status collect();

  const std::map<LaneId, DamagedLane>& all() const { return lanes_; }
  std::vector<Note> notes() { return notes_.all(*keys_); }
  DamagedLetters& letters() { return letters_; }
  Encryption& keys() { return *keys_; }
  bool needs_other_key() const;  // Some of it is encrypted with a key that is not given.
  std::uint64_t records_nameless() const { return nameless_; }  // Of lanes that cannot be named.

  // The row of a piece and its body; the pages that it took are added to `pages`. corrupt: it cannot be read.
  Status read(const DamagedLane::Piece& piece, Entry& entry, Buffer& body,
              std::vector<DamagedFile::Page>& pages);

 private:
  void take(const damaged::Row& row, DamagedFile::Page page);
  void take_lane(const damaged::Row& row);
  void take_key(const damaged::Row& row);
  void open_chains();
  Status name(DamagedLane& lane);
  static bool holds_all(const DamagedLane& lane);
  void drop_stale(DamagedLane& lane);
  Status open(const damaged::Row& row, Entry& entry, Buffer& body);

  DamagedFile& file_;
  std::unique_ptr<Encryption> keys_;
  std::map<LaneId, DamagedLane> lanes_;
  DamagedNotes notes_;
  DamagedLetters letters_;
  std::uint64_t nameless_ = 0;
  Buffer payload_;  // Scratch.
};

}  // namespace pinaflux
