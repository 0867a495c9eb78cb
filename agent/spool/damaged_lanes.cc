// One pass over the pages. It notes where rows of the queue lie, and keeps the newest row of each lane: its
// columns only ever grow.
//
// What was deleted lies in free pages and is passed over. Where nobody can say which pages are free, an
// envelope counts all the same (it never changes, and seqs that were acknowledged are known from `acked`,
// or from the newest header's floor); a chunk counts only if the chain shows that no envelope was made of
// it: sealed again, it would be another envelope for seqs that the far end may have.

#include "agent/spool/damaged_lanes.h"

#include <algorithm>

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
  lane.chain = damaged::array_of<Digest>(row, 7);
}

void DamagedLanes::take_note(const damaged::Row& row) {
  const bool keyed = row.columns.size() >= 2 && row.id == 0 &&
                     damaged::is(row, 0, damaged::Type::text) &&
                     row.columns.back().type == damaged::Type::blob;
  std::vector<DamagedFile::Page> pages;
  if (!keyed || !file_.payload(row, payload_, pages)) return;
  const auto of = [&](std::size_t i) {
    const auto& c = row.columns[i];
    return Bytes(payload_).subspan(c.offset, c.length);
  };
  if (row.columns.size() == 3 && damaged::is(row, 1, damaged::Type::text)) {
    cursors_.emplace_back(as_text(of(0)), as_text(of(1)), Buffer(of(2).begin(), of(2).end()));
  } else if (row.columns.size() == 2 && as_text(of(0)).starts_with("pipeline/")) {
    states_.emplace_back(as_text(of(0)), Buffer(of(1).begin(), of(1).end()));
  }
}

void DamagedLanes::take(const damaged::Row& row, DamagedFile::Page page) {
  if (damaged::is_lane(row)) take_lane(row);
  if (damaged::is_entry(row)) {
    const Entry e = damaged::entry_of(row);
    lanes_[e.lane].pieces.push_back({row.id, e.kind, e.range, e.hash, page});
  }
  if (file_.knows_free()) take_note(row);
}

Status DamagedLanes::collect() {
  for (DamagedFile::Page page = 1; page <= file_.page_count(); ++page) {
    if (file_.is_free(page)) continue;
    if (Status s = file_.rows(page, [&](const damaged::Row& row) { take(row, page); }); !s)
      return s;
  }
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

void DamagedLanes::drop_stale(DamagedLane& lane) {
  std::uint64_t sealed_last = 0;
  Digest chain{};
  for (const auto& piece : lane.pieces) {
    if (piece.kind == Kind::chunk || piece.range.last <= sealed_last) continue;
    sealed_last = piece.range.last;
    chain = piece.hash;
  }
  const bool chained = lane.known && (sealed_last == 0 || chain == lane.chain);
  std::erase_if(lane.pieces, [&](const DamagedLane::Piece& piece) {
    if (piece.range.last <= lane.acked) return true;
    if (piece.kind != Kind::chunk) return false;
    return piece.range.first <= sealed_last || !(file_.knows_free() || chained);
  });
}

Status DamagedLanes::read(const DamagedLane::Piece& piece, Entry& entry, Buffer& body,
                          std::vector<DamagedFile::Page>& pages) {
  Status got = fail(Code::corrupt, "a row of the damaged queue is gone");
  const Status looked = file_.rows(piece.page, [&](const damaged::Row& row) {
    if (row.id != piece.id || !damaged::is_entry(row)) return;
    const std::size_t before = pages.size();
    got = file_.payload(row, payload_, pages);
    if (!got) {
      pages.resize(before);
      return;
    }
    entry = damaged::entry_of(row);
    const auto& column = row.columns[damaged::kBodyColumn];
    const Bytes bytes = Bytes(payload_).subspan(column.offset, column.length);
    body.assign(bytes.begin(), bytes.end());
    entry.bytes = body.size();
  });
  return looked ? got : looked;
}

}  // namespace pinaflux
