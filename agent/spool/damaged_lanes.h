// Damaged lanes: what a damaged spool still holds, lane by lane, and the notes beside them.
//
// Promise    Pieces stand in order of seq, without what the far end has and without chunks that an envelope
//            was made of. What they say of themselves is not proven: see salvage.cc.
// Limits     About 100 bytes of memory a row of the queue.
// Ownership  The DamagedFile must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/spool/salvage_test.cc
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "agent/data/identity.h"
#include "agent/spool/damaged_file.h"
#include "agent/spool/damaged_rows.h"
#include "agent/spool/lane.h"
#include "agent/spool/queue.h"

namespace pinaflux {

struct DamagedLane {
  struct Piece {
    std::int64_t id = 0;  // Of its row.
    Kind kind = Kind::envelope;
    Range range;
    Digest hash{};
    DamagedFile::Page page = 0;
  };

  bool known = false;  // Its row in `lanes` was found.
  std::string gateway, name;
  Epoch epoch{};
  std::uint64_t next_seq = 1, acked = 0, shed = 0;
  Digest chain{};
  std::vector<Piece> pieces;
};

class DamagedLanes {
 public:
  explicit DamagedLanes(DamagedFile& file) : file_(file) {}

  // Looks at every page, once.
  Status collect();

  const std::map<LaneId, DamagedLane>& all() const { return lanes_; }
  const std::vector<std::pair<std::string, Buffer>>& states() const { return states_; }
  const std::vector<std::tuple<std::string, std::string, Buffer>>& cursors() const {
    return cursors_;
  }
  std::uint64_t records_nameless() const { return nameless_; }  // Of lanes that cannot be named.

  // The row of a piece and its body; the pages that it took are added to `pages`. corrupt: it cannot be read.
  Status read(const DamagedLane::Piece& piece, Entry& entry, Buffer& body,
              std::vector<DamagedFile::Page>& pages);

 private:
  void take(const damaged::Row& row, DamagedFile::Page page);
  void take_lane(const damaged::Row& row);
  void take_note(const damaged::Row& row);
  Status name(DamagedLane& lane);
  void drop_stale(DamagedLane& lane);

  DamagedFile& file_;
  std::map<LaneId, DamagedLane> lanes_;
  std::vector<std::pair<std::string, Buffer>> states_;
  std::vector<std::tuple<std::string, std::string, Buffer>> cursors_;
  std::uint64_t nameless_ = 0;
  Buffer payload_;  // Scratch.
};

}  // namespace pinaflux
