// One pass over the pages. It notes where rows of the queue lie, and keeps the newest row of each lane: its
// columns only ever grow. What an encrypted row hides is opened afterwards: the row of its key and the
// row of its lane may lie behind it.
//
// What was deleted lies in free pages and is passed over. Where nobody can say which pages are free, an
// envelope counts all the same (it never changes, and seqs that were acknowledged are known from `acked`,
// or from the newest header's floor); a chunk counts only if the chain shows that no envelope was made of
// it, or, where there is no envelope, if no record is missing that could have been in one. Sealed again, it
// would be another envelope for seqs that the far end may have: where that happens all the same (the
// envelope's page is lost, and those of its chunks are free and whole), the collector compares the records.

#include "agent/spool/damaged_lanes.h"

#include <algorithm>
#include <tuple>

#include "agent/seal/envelope.h"

namespace pinaflux {

void DamagedLanes::take_lane(const damaged::Row& row) {
  DamagedLane& lane = lanes_[row.id];
  const auto next_seq = static_cast<std::uint64_t>(row.columns[4].integer);
  if (lane.known && next_seq < lane.next_seq) return;
  lane.known = true;
  lane.gateway = damaged::text_of(row, 1);
  lane.name = damaged::text_of(row, 2);
  lane.epoch = damaged::array_of<Epoch>(row, 3);
  lane.next_seq = next_seq;
  lane.acked = std::max(lane.acked, static_cast<std::uint64_t>(row.columns[5].integer));
  lane.shed = std::max(lane.shed, static_cast<std::uint64_t>(row.columns[6].integer));
  const Bytes chain = row.bytes(row.columns[7]);
  lane.stored_chain.assign(chain.begin(), chain.end());
}

void DamagedLanes::take_key(const damaged::Row& row) {
  const auto of = [&](std::size_t i) { return row.bytes(row.columns[i]); };
  keys_->take_key(row.id, of(1), of(2), of(3));
}

void DamagedLanes::take(const damaged::Row& row, DamagedFile::Page page) {
  if (damaged::is_key(row)) take_key(row);
  if (damaged::is_lane(row)) take_lane(row);
  if (damaged::is_entry(row)) {
    const Entry e = damaged::entry_of(row);
    lanes_[e.lane].pieces.push_back({row.id, e.kind, e.range, e.key, e.hash, page});
  }
  if (!file_.knows_free()) return;
  notes_.take(file_, row);
  letters_.take(row, page);
}

Status DamagedLanes::collect() {
  for (DamagedFile::Page page = 1; page <= file_.page_count(); ++page) {
    if (file_.is_free(page)) continue;
    if (Status s = file_.rows(page, [&](const damaged::Row& row) { take(row, page); }); !s)
      return s;
  }
  open_chains();
  for (auto& [id, lane] : lanes_) {
    std::ranges::sort(lane.pieces, {}, [](const DamagedLane::Piece& p) {
      return std::tuple(p.range.first, p.kind == Kind::chunk);
    });
    if (!lane.known) {
      if (Status s = name(lane); !s) return s;
    }
    drop_stale(lane);
  }
  return {};
}

// What encrypted rows say of the chain.
void DamagedLanes::open_chains() {
  Buffer body;
  std::vector<DamagedFile::Page> pages;
  for (auto& [id, lane] : lanes_) {
    if (!lane.known) continue;
    keys_->take_lane(id, lane.gateway, lane.name, lane.epoch);
    const auto chain = keys_->open_chain(id, lane.stored_chain);
    lane.chain = chain.value_or(kNoDigest);
    lane.never_sealed = chain && *chain == kNoDigest;
    for (auto& piece : lane.pieces) {
      Entry entry;
      const bool hidden = piece.key != 0 && piece.kind != Kind::chunk;
      if (hidden && read(piece, entry, body, pages)) piece.hash = entry.hash;
      pages.clear();
    }
  }
}

bool DamagedLanes::needs_other_key() const {
  for (const auto& [id, lane] : lanes_) {
    for (const auto& piece : lane.pieces) {
      if (keys_->is_foreign(piece.key)) return true;
    }
  }
  return notes_.needs_other_key(*keys_) || letters_.needs_other_key(*keys_);
}

// Without its row, a lane is named by its newest envelope.
Status DamagedLanes::name(DamagedLane& lane) {
  Buffer body;
  std::vector<DamagedFile::Page> pages;
  for (auto piece = lane.pieces.rbegin(); piece != lane.pieces.rend(); ++piece) {
    if (piece->kind != Kind::envelope) continue;
    Entry entry;
    if (!read(*piece, entry, body, pages)) continue;
    const auto header = Opener::verify(body);
    if (!header) continue;
    lane.gateway = header->gateway;
    lane.name = header->lane;
    lane.epoch = header->epoch;
    lane.acked = header->floor == 0 ? 0 : header->floor - 1;
    lane.chain = entry.hash;
    lane.next_seq = entry.range.last + 1;
    return {};
  }
  for (const auto& piece : lane.pieces) nameless_ += piece.range.count();
  lane.pieces.clear();
  return {};
}

// Pieces in order of seq, from what the far end has to the lane's end.
bool DamagedLanes::holds_all(const DamagedLane& lane) {
  std::uint64_t next = lane.acked + 1;
  for (const auto& piece : lane.pieces) {
    if (piece.range.first <= next) next = std::max(next, piece.range.last + 1);
  }
  return next >= lane.next_seq;
}

void DamagedLanes::drop_stale(DamagedLane& lane) {
  std::uint64_t sealed_last = 0;
  Digest chain{};
  for (const auto& piece : lane.pieces) {
    if (piece.kind == Kind::chunk || piece.range.last <= sealed_last) continue;
    sealed_last = piece.range.last;
    chain = piece.hash;
  }
  const bool chained = sealed_last > 0 ? chain == lane.chain : lane.never_sealed || holds_all(lane);
  std::erase_if(lane.pieces, [&](const DamagedLane::Piece& piece) {
    if (piece.range.last <= lane.acked) return true;
    if (piece.kind != Kind::chunk) return false;
    return piece.range.first <= sealed_last || !(file_.knows_free() || (lane.known && chained));
  });
}

Status DamagedLanes::read(const DamagedLane::Piece& piece, Entry& entry, Buffer& body,
                          std::vector<DamagedFile::Page>& pages) {
  Status got = fail(Code::corrupt, "a row of the damaged queue is gone");
  const Status looked = file_.rows(piece.page, [&](const damaged::Row& row) {
    if (row.id != piece.id || !damaged::is_entry(row)) return;
    const std::size_t before = pages.size();
    got = file_.payload(row, payload_, pages);
    entry = damaged::entry_of(row);
    if (got) got = open(row, entry, body);
    if (!got) pages.resize(before);
  });
  return looked ? got : looked;
}

// Its body, and what is encrypted of the entry, out of the payload.
Status DamagedLanes::open(const damaged::Row& row, Entry& entry, Buffer& body) {
  const auto of = [&](std::size_t i) {
    const auto& c = row.columns[i];
    return Bytes(payload_).subspan(c.offset, c.length);
  };
  const Bytes stored = of(damaged::kBodyColumn);
  body.assign(stored.begin(), stored.end());
  if (entry.key != 0) {
    if (entry.kind != Kind::chunk) {
      if (Status s = open_digests(*keys_, entry, of(damaged::kHashColumn)); !s) return s;
    }
    if (!stored.empty() && !open_body(*keys_, entry, stored, body)) {
      return fail(Code::corrupt, "a row of the damaged queue does not open");
    }
    if (entry.damaged) entry.hash = chain_end(Opener::header(body).value_or(Header()));
  }
  entry.bytes = body.size();
  return {};
}

}  // namespace pinaflux
