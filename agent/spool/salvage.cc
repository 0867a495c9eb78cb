// Two passes over the damaged file. The first looks at every page and notes where rows of the queue lie,
// and the newest row of each lane. The second takes each lane's pieces in order of seq; what chunks hold
// is sealed, because no chunk may stand before an envelope or a tombstone:
//
//   damaged   [1-10] ~~~~~~ [21-30] [31-40] (41-42) (43)      acked 0, next_seq 46
//   new       [1-10] {lost 11-20} [21-30] [31-40] [41-43] {lost 44-45}
//
// An envelope proves itself by its hash, a chunk by zstd's checksum. What was deleted lies in free pages and
// is passed over. Where nobody can say which pages are free, an envelope counts all the same (it never
// changes, and seqs that were acknowledged are known from `acked`, or from the newest header's floor); a
// chunk counts only if the chain shows that no envelope was made of it: sealed again, it would be another
// envelope for seqs that the far end may have.
//
// New records never continue a salvaged lane: where it ended is not known for sure. They have the new file's
// epoch, and the salvaged lane drains beside theirs.

#include "agent/spool/salvage.h"

#include <algorithm>
#include <map>
#include <memory>
#include <span>
#include <tuple>
#include <utility>

#include "agent/seal/envelope.h"
#include "agent/spool/damaged_file.h"
#include "agent/spool/damaged_rows.h"
#include "agent/spool/schema.h"

namespace pinaflux {

namespace {

using damaged::Row;

constexpr std::int64_t kBatchBytes = 256 * 1024;  // Of one transaction.
constexpr std::int64_t kSlackBytes = 32 * 1024;
constexpr std::size_t kRowsMax = 16 * 1024;  // Of chunks, opened and not sealed yet.
constexpr std::size_t kArenaBytes = 12 * 1024 * 1024;

struct Piece {
  std::int64_t id = 0;  // Of its row.
  Kind kind = Kind::envelope;
  Range range;
  Digest hash{};
  DamagedFile::Page page = 0;
};

// A lane as the damaged file has it.
struct Origin {
  bool known = false;  // Its row in `lanes` was found.
  std::string gateway, name;
  Epoch epoch{};
  std::uint64_t next_seq = 1, acked = 0, shed = 0;
  Digest chain{};
  std::vector<Piece> pieces;
};

Entry envelope_of(const Header& header) {
  Entry e;
  e.range = header.range;
  e.time_first = header.time_first.ns;
  e.boot = header.time_first.boot;
  e.time_last = header.time_last.boot == e.boot ? header.time_last.ns : header.time_first.ns;
  e.hash = header.hash;
  return e;
}

class Salvage {
 public:
  Salvage(Store& store, DamagedFile& damaged, std::uint64_t generation)
      : store_(store), damaged_(damaged), generation_(generation), arena_(kArenaBytes) {}

  Status collect();
  Status move_notes(const std::string& mark);
  Status move_lanes();

  bool found() const { return !origins_.empty(); }
  std::uint64_t records_moved() const { return moved_; }
  std::uint64_t records_lost() const { return lost_; }
  std::uint64_t lanes_nameless() const { return nameless_; }

 private:
  void take_lane(const Row& row);
  Status name(Origin& origin);
  void drop_stale(Origin& origin);
  Status move_lane(const Origin& origin);
  Result<Lane> lane_for(const Origin& origin);
  Status move_piece(const Origin& origin, const Piece& piece);
  bool sound(const Origin& origin, const Entry& entry, Digest& previous);
  Status take_chunk(const Origin& origin, const Entry& chunk);
  bool open_chunk(const Entry& chunk);
  Status seal_rows();
  Status fill_gap(std::uint64_t first, const Digest& through);
  Status declare(std::uint64_t last, const Digest& through);
  Status put(const Entry& entry, Bytes body);
  Status read(const Piece& piece, Entry& entry);
  Status begin_batch();
  Status end_batch();

  Store& store_;
  DamagedFile& damaged_;
  std::map<LaneId, Origin> origins_;
  std::vector<std::pair<std::string, Buffer>> states_;
  std::vector<std::tuple<std::string, std::string, Buffer>> cursors_;
  Lane lane_;  // That is being moved to.
  std::uint64_t generation_;
  Sealer sealer_;
  Opener opener_;
  std::unique_ptr<Shapes> shapes_ = std::make_unique<Shapes>();
  Arena arena_;
  std::vector<pinaflux::Row>
      rows_;  // Of the chunks that end at lane_.at.next_seq - 1, not sealed yet.
  std::int64_t rows_age_ = 0;
  Buffer payload_, body_, sealed_;
  std::vector<DamagedFile::Page> pages_;  // Of what the open transaction has moved.
  std::int64_t batch_bytes_ = -1;         // Of the open transaction; below 0: there is none.
  std::uint64_t moved_ = 0, lost_ = 0, nameless_ = 0;
};

// The columns of `lanes` only ever grow: the largest are the newest.
void Salvage::take_lane(const Row& row) {
  Origin& origin = origins_[row.id];
  const auto next_seq = static_cast<std::uint64_t>(row.columns[4].integer);
  if (origin.known && next_seq < origin.next_seq) return;
  origin.known = true;
  origin.gateway = damaged::text_of(row, 1);
  origin.name = damaged::text_of(row, 2);
  origin.epoch = damaged::array_of<Epoch>(row, 3);
  origin.next_seq = next_seq;
  origin.acked = std::max(origin.acked, static_cast<std::uint64_t>(row.columns[5].integer));
  origin.shed = std::max(origin.shed, static_cast<std::uint64_t>(row.columns[6].integer));
  origin.chain = damaged::array_of<Digest>(row, 7);
}

Status Salvage::collect() {
  for (DamagedFile::Page page = 1; page <= damaged_.page_count(); ++page) {
    if (damaged_.is_free(page)) continue;
    Status s = damaged_.rows(page, [&](const Row& row) {
      if (damaged::is_lane(row)) take_lane(row);
      if (damaged::is_entry(row)) {
        const Entry e = damaged::entry_of(row);
        origins_[e.lane].pieces.push_back({row.id, e.kind, e.range, e.hash, page});
      }
      if (!damaged_.knows_free()) return;
      const bool keyed = row.columns.size() >= 2 && row.id == 0 &&
                         damaged::is(row, 0, damaged::Type::text) &&
                         row.columns.back().type == damaged::Type::blob;
      if (!keyed || !damaged_.payload(row, payload_, pages_)) return;
      const auto of = [&](std::size_t i) {
        const auto& c = row.columns[i];
        return Bytes(payload_).subspan(c.offset, c.length);
      };
      if (row.columns.size() == 3 && damaged::is(row, 1, damaged::Type::text)) {
        cursors_.emplace_back(as_text(of(0)), as_text(of(1)), Buffer(of(2).begin(), of(2).end()));
      } else if (row.columns.size() == 2 && as_text(of(0)).starts_with("pipeline/")) {
        states_.emplace_back(as_text(of(0)), Buffer(of(1).begin(), of(1).end()));
      }
    });
    if (!s) return s;
  }
  pages_.clear();
  for (auto& [id, origin] : origins_) {
    std::ranges::sort(origin.pieces, {}, [](const Piece& p) {
      return std::tuple(p.range.first, p.kind == Kind::chunk);
    });
    if (!origin.known) {
      if (Status s = name(origin); !s) return s;
    }
    drop_stale(origin);
  }
  return {};
}

// Without its row, a lane is named by its newest envelope.
Status Salvage::name(Origin& origin) {
  for (auto piece = origin.pieces.rbegin(); piece != origin.pieces.rend(); ++piece) {
    if (piece->kind != Kind::envelope) continue;
    Entry entry;
    if (!read(*piece, entry)) continue;
    const auto header = Opener::verify(body_);
    if (!header) continue;
    origin.gateway = header->gateway;
    origin.name = header->lane;
    origin.epoch = header->epoch;
    origin.acked = header->floor == 0 ? 0 : header->floor - 1;
    origin.chain = entry.hash;
    origin.next_seq = entry.range.last + 1;
    return {};
  }
  for (const Piece& piece : origin.pieces) nameless_ += piece.range.count();
  origin.pieces.clear();
  return {};
}

void Salvage::drop_stale(Origin& origin) {
  std::uint64_t sealed_last = 0;
  Digest chain{};
  for (const Piece& piece : origin.pieces) {
    if (piece.kind == Kind::chunk || piece.range.last <= sealed_last) continue;
    sealed_last = piece.range.last;
    chain = piece.hash;
  }
  const bool chained = origin.known && (sealed_last == 0 || chain == origin.chain);
  std::erase_if(origin.pieces, [&](const Piece& piece) {
    if (piece.range.last <= origin.acked) return true;
    if (piece.kind != Kind::chunk) return false;
    return piece.range.first <= sealed_last || !(damaged_.knows_free() || chained);
  });
}

// With the first transaction, once: what a source has done since must not be undone.
Status Salvage::move_notes(const std::string& mark) {
  sqlite::Database& database = *store_.database;
  auto done = database.prepare("SELECT 1 FROM meta WHERE key='salvaged' AND value=?");
  if (!done) return std::unexpected(done.error());
  done->bind(1, std::string_view(mark));
  const auto row = done->step();
  if (!row || *row) return row ? Status() : std::unexpected(row.error());
  auto cursor = database.prepare("INSERT OR REPLACE INTO cursors VALUES(?,?,?)");
  auto state = database.prepare("INSERT OR REPLACE INTO states VALUES(?,?)");
  auto meta = database.prepare("INSERT OR REPLACE INTO meta VALUES('salvaged',?)");
  for (const auto* statement : {&cursor, &state, &meta}) {
    if (!*statement) return std::unexpected(statement->error());
  }
  if (Status s = database.begin(); !s) return s;
  Status s;
  for (const auto& [source, key, value] : cursors_) {
    cursor->bind(1, std::string_view(source));
    cursor->bind(2, std::string_view(key));
    cursor->bind(3, Bytes(value));
    if (s) s = cursor->run();
  }
  for (const auto& [key, value] : states_) {
    state->bind(1, std::string_view(key));
    state->bind(2, Bytes(value));
    if (s) s = state->run();
  }
  meta->bind(1, std::string_view(mark));
  if (s) s = meta->run();
  if (s) s = database.commit();
  if (!s) database.rollback();
  return s;
}

Status Salvage::move_lanes() {
  for (const auto& [id, origin] : origins_) {
    if (origin.name.empty()) continue;
    Status s = move_lane(origin);
    if (s) s = end_batch();
    if (!s) {
      store_.database->rollback();
      return s;
    }
  }
  return {};
}

Status Salvage::move_lane(const Origin& origin) {
  if (Status s = begin_batch(); !s) return s;
  auto lane = lane_for(origin);
  if (!lane) return std::unexpected(lane.error());
  lane_ = std::move(*lane);
  for (const Piece& piece : origin.pieces) {
    if (piece.range.first < lane_.at.next_seq) continue;
    if (Status s = move_piece(origin, piece); !s) return s;
    // Opened rows are sealed first: their pages are let go of with this transaction.
    if (batch_bytes_ < kBatchBytes && rows_.size() < kRowsMax) continue;
    if (Status s = seal_rows(); !s) return s;
    if (Status s = end_batch(); !s) return s;
    if (Status s = begin_batch(); !s) return s;
  }
  return fill_gap(origin.next_seq, origin.chain);
}

// As far as an earlier start has come, or a new row.
Result<Lane> Salvage::lane_for(const Origin& origin) {
  auto lanes = schema::lanes(*store_.database);
  if (!lanes) return std::unexpected(lanes.error());
  for (Lane& lane : *lanes) {
    if (lane.gateway == origin.gateway && lane.name == origin.name && lane.epoch == origin.epoch) {
      return std::move(lane);
    }
  }
  auto lane = schema::add_lane(*store_.database, origin.gateway, origin.name, origin.epoch);
  if (!lane) return lane;
  lane->at.acked = origin.acked;
  lane->at.next_seq = origin.acked + 1;
  lane->at.shed = origin.shed;
  return lane;
}

Status Salvage::move_piece(const Origin& origin, const Piece& piece) {
  Entry entry;
  Status got = read(piece, entry);
  if (!got) return got.error().code == Code::corrupt ? Status() : got;
  if (entry.kind == Kind::chunk) return take_chunk(origin, entry);
  Digest previous{};
  if (!sound(origin, entry, previous)) return {};
  if (Status s = fill_gap(entry.range.first, previous); !s) return s;
  entry.lane = lane_.id;
  if (Status s = put(entry, body_); !s) return s;
  lane_.at.next_seq = entry.range.last + 1;
  lane_.at.chain = entry.hash;
  if (entry.kind == Kind::envelope) moved_ += entry.range.count();
  return store_.save(lane_);
}

// `previous`: the chain before it.
bool Salvage::sound(const Origin& origin, const Entry& entry, Digest& previous) {
  previous = entry.previous;
  if (entry.kind == Kind::tombstone && body_.empty()) return true;
  const auto header = Opener::verify(body_);
  if (!header || header->gateway != origin.gateway || header->lane != origin.name ||
      header->epoch != origin.epoch || header->range.first != entry.range.first) {
    return false;
  }
  if (entry.kind == Kind::tombstone) return header->count == 0;
  previous = header->previous;
  return header->range.last == entry.range.last && header->hash == entry.hash;
}

// Whatever is missing before `first` is lost; what was opened goes before it.
Status Salvage::fill_gap(std::uint64_t first, const Digest& through) {
  if (Status s = seal_rows(); !s) return s;
  return first <= lane_.at.next_seq ? Status() : declare(first - 1, through);
}

Status Salvage::take_chunk(const Origin& origin, const Entry& chunk) {
  if (chunk.range.first > lane_.at.next_seq) {
    // Before it, envelopes may be missing; the lane's chain is theirs.
    if (Status s = fill_gap(chunk.range.first, origin.chain); !s) return s;
  }
  if (!open_chunk(chunk)) {
    if (Status s = seal_rows(); !s) return s;
    if (!open_chunk(chunk)) return {};
  }
  if (rows_.size() == chunk.range.count()) rows_age_ = chunk.age;
  lane_.at.next_seq = chunk.range.last + 1;
  batch_bytes_ += static_cast<std::int64_t>(body_.size());
  return {};
}

bool Salvage::open_chunk(const Entry& chunk) {
  const std::size_t before = rows_.size();
  if (opener_.open_body(body_, *shapes_, arena_, rows_) &&
      rows_.size() - before == chunk.range.count()) {
    return true;
  }
  rows_.resize(before);
  return false;
}

Status Salvage::seal_rows() {
  const std::uint64_t end = lane_.at.next_seq;
  lane_.at.next_seq -= rows_.size();
  for (std::span<const pinaflux::Row> rows(rows_); !rows.empty();) {
    Header header;
    header.gateway = lane_.gateway;
    header.lane = lane_.name;
    header.epoch = lane_.epoch;
    header.range.first = lane_.at.next_seq;
    header.floor = lane_.at.acked + 1;
    header.generation = generation_;
    header.previous = lane_.at.chain;
    sealed_.clear();
    std::size_t taken = 0;
    const Status done =
        sealer_.seal(rows, Effort::standard, limits::kEnvelopeBytesMax, header, sealed_, taken);
    if (!done) return done;
    Entry entry = envelope_of(header);
    entry.lane = lane_.id;
    entry.age = rows_age_;
    if (Status s = put(entry, sealed_); !s) return s;
    lane_.at.next_seq += taken;
    lane_.at.chain = entry.hash;
    moved_ += taken;
    rows = rows.subspan(taken);
  }
  ASSERT(lane_.at.next_seq == end);
  if (rows_.empty()) return {};
  rows_.clear();
  arena_.reset();
  shapes_ = std::make_unique<Shapes>();
  return store_.save(lane_);
}

Status Salvage::declare(std::uint64_t last, const Digest& through) {
  Entry grave;
  grave.lane = lane_.id;
  grave.kind = Kind::tombstone;
  grave.range = {lane_.at.next_seq, last};
  grave.previous = lane_.at.chain;
  grave.hash = through;
  grave.loss = Loss::damaged;
  if (Status s = put(grave, {}); !s) return s;
  lost_ += grave.range.count();
  lane_.at.shed += grave.range.count();
  lane_.at.next_seq = last + 1;
  lane_.at.chain = through;
  return store_.save(lane_);
}

Status Salvage::put(const Entry& entry, Bytes body) {
  batch_bytes_ += static_cast<std::int64_t>(body.size()) + 256;
  return store_.queue->put(entry, body);
}

// The row of a piece with its body; corrupt: it cannot be read.
Status Salvage::read(const Piece& piece, Entry& entry) {
  Status got = fail(Code::corrupt, "a row of the damaged queue is gone");
  const Status looked = damaged_.rows(piece.page, [&](const Row& row) {
    if (row.id != piece.id || !damaged::is_entry(row)) return;
    const std::size_t before = pages_.size();
    got = damaged_.payload(row, payload_, pages_);
    if (!got) {
      pages_.resize(before);
      return;
    }
    entry = damaged::entry_of(row);
    const auto& body = row.columns[damaged::kBodyColumn];
    const Bytes bytes = Bytes(payload_).subspan(body.offset, body.length);
    body_.assign(bytes.begin(), bytes.end());
    entry.bytes = body_.size();
  });
  return looked ? got : looked;
}

Status Salvage::begin_batch() {
  Room& room = *store_.room;
  constexpr std::int64_t kMost = kBatchBytes + limits::kEnvelopeBytesMax + kSlackBytes;
  if (Status s = room.reserve(kMost); !s) return s;
  const auto fits = room.fits(kMost);
  if (!fits) return std::unexpected(fits.error());
  if (!*fits) return fail(Code::full, "the spool has no room for what was salvaged");
  batch_bytes_ = 0;
  return store_.database->begin();
}

// What was moved is on disk before the damaged file lets go of it.
Status Salvage::end_batch() {
  if (batch_bytes_ < 0) return {};
  batch_bytes_ = -1;
  if (Status s = store_.database->commit(); !s) return s;
  if (Status s = store_.room->checkpoint_if_due(); !s) return s;
  if (Status s = damaged_.release(pages_); !s) return s;
  pages_.clear();
  return store_.room->grow(damaged_.bytes_on_disk());
}

std::string told(const Salvage& salvage, const std::string& name) {
  std::string text = "of the queue that was put aside as " + name + ", " +
                     std::to_string(salvage.records_moved()) + " records are sent after all and " +
                     std::to_string(salvage.records_lost()) + " are declared lost";
  if (salvage.lanes_nameless() > 0) {
    text += "; " + std::to_string(salvage.lanes_nameless()) +
            " more belong to a lane that cannot be named any more";
  }
  return text;
}

}  // namespace

Result<bool> salvage(Store& store, const SpoolOptions& options, Files& files,
                     std::vector<std::string>& findings) {
  const std::string name = name_set_aside(options, files);
  if (name.empty()) return false;
  const std::string path = options.directory + "/" + name;
  auto damaged = DamagedFile::open(files, path);
  if (!damaged) return std::unexpected(damaged.error());
  if (Status s = store.room->grow((*damaged)->bytes_on_disk()); !s) {
    return std::unexpected(s.error());
  }
  Salvage work(store, **damaged, options.generation);
  if (Status s = work.collect(); !s) return std::unexpected(s.error());
  if (!work.found()) {
    findings.push_back("nothing could be read of " + name +
                       ": it stays for you to look at; delete it to have its space back");
    return false;
  }
  if (!(*damaged)->knows_free()) {
    findings.push_back("the sources' positions could not be read of " + name +
                       ": sources begin as on a new gateway");
  }
  Status moved = work.move_notes(name);
  if (moved) moved = work.move_lanes();
  findings.push_back(told(work, name));
  if (!moved) return std::unexpected(moved.error());
  damaged->reset();
  for (const std::string& old : {path + "-wal", path}) std::ignore = files.remove(old);
  std::ignore = files.sync_directory(options.directory);
  return true;
}

}  // namespace pinaflux
