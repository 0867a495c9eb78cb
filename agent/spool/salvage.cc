// Two passes over the damaged file. The first looks at every page and notes where rows of the queue lie,
// and the newest row of each lane. The second takes each lane's pieces in order of seq; what chunks hold
// is sealed, because no chunk may stand before an envelope or a tombstone:
//
//   damaged   [1-10] ~~~~~~ [21-30] [31-40] (41-42) (43)      acked 0, next_seq 46
//   new       [1-10] {lost 11-20} [21-30] [31-40] [41-43] {lost 44-45}
//
// An envelope proves itself by its hash, a chunk by zstd's checksum. Which rows count: damaged_lanes.cc.
//
// New records never continue a salvaged lane: where it ended is not known for sure. They have the new file's
// epoch, and the salvaged lane drains beside theirs.

#include "agent/spool/salvage.h"

#include <memory>
#include <span>
#include <tuple>
#include <utility>

#include "agent/seal/envelope.h"
#include "agent/spool/damaged_file.h"
#include "agent/spool/damaged_lanes.h"
#include "agent/spool/schema.h"

namespace pinaflux {

namespace {

using Piece = DamagedLane::Piece;

constexpr std::int64_t kBatchBytes = 256 * 1024;  // Of one transaction.
constexpr std::int64_t kSlackBytes = 32 * 1024;
constexpr std::size_t kRowsMax = 16 * 1024;  // Of chunks, opened and not sealed yet.
constexpr std::size_t kArenaBytes = 12 * 1024 * 1024;

Entry envelope_of(const Header& header) {
  Entry e;
  e.range = header.range;
  take_times(e, header);
  e.hash = header.hash;
  return e;
}

class Salvage {
 public:
  Salvage(Store& store, DamagedFile& damaged, DamagedLanes& found, std::uint64_t generation)
      : store_(store),
        damaged_(damaged),
        found_(found),
        generation_(generation),
        arena_(kArenaBytes) {}

  Status move_notes(const std::string& mark);
  Status move_letters(const std::string& mark);
  Status move_lanes();

  std::uint64_t records_moved() const { return moved_; }
  std::uint64_t records_lost() const { return lost_; }
  std::uint64_t letters_moved() const { return letters_; }

 private:
  Result<bool> move_some_letters(LetterId& from);
  Status move_lane(const DamagedLane& origin);
  Result<Lane> lane_for(const DamagedLane& origin);
  Status move_piece(const DamagedLane& origin, const Piece& piece);
  bool sound(const DamagedLane& origin, const Entry& entry, Digest& previous);
  Status take_chunk(const DamagedLane& origin, const Entry& chunk);
  bool open_chunk(const Entry& chunk);
  Status seal_rows();
  Status fill_gap(std::uint64_t first, const Digest& through);
  Status declare(std::uint64_t last, const Digest& through);
  Status put(const Entry& entry, Bytes body);
  Status begin_batch();
  Status end_batch();

  Store& store_;
  DamagedFile& damaged_;
  DamagedLanes& found_;
  Lane lane_;  // That is being moved to.
  std::uint64_t generation_;
  Sealer sealer_;
  Opener opener_;
  std::unique_ptr<Shapes> shapes_ = std::make_unique<Shapes>();
  Arena arena_;
  std::vector<Row> rows_;  // Of the chunks that end at lane_.at.next_seq - 1, not sealed yet.
  std::int64_t rows_age_ = 0;
  Buffer body_, sealed_;
  std::vector<DamagedFile::Page> pages_;  // Of what the open transaction has moved.
  std::int64_t batch_bytes_ = -1;         // Of the open transaction; below 0: there is none.
  std::uint64_t moved_ = 0, lost_ = 0, letters_ = 0;
};

// With the first transaction, once: what a source has done since must not be undone.
Status Salvage::move_notes(const std::string& mark) {
  sqlite::Database& database = *store_.database;
  auto done = database.prepare("SELECT 1 FROM meta WHERE key='salvaged' AND value=?");
  if (!done) return std::unexpected(done.error());
  done->bind(1, std::string_view(mark));
  const auto row = done->step();
  if (!row || *row) return row ? Status() : std::unexpected(row.error());
  auto meta = database.prepare("INSERT OR REPLACE INTO meta VALUES('salvaged',?)");
  if (!meta) return std::unexpected(meta.error());
  if (Status s = database.begin(); !s) return s;
  Status s;
  for (const Note& note : found_.notes()) {
    if (s) s = store_.notes->put(note);
  }
  meta->bind(1, std::string_view(mark));
  if (s) s = meta->run();
  if (s) s = database.commit();
  if (!s) database.rollback();
  return s;
}

// How far they have come stands beside them: a power cut repeats none.
Status Salvage::move_letters(const std::string& mark) {
  sqlite::Database& database = *store_.database;
  LetterId from = 0;
  {
    auto done = database.prepare("SELECT value FROM meta WHERE key='salvaged_letter:' || ?");
    if (!done) return std::unexpected(done.error());
    done->bind(1, std::string_view(mark));
    const Result<bool> row = done->step();
    if (!row) return std::unexpected(row.error());
    if (*row) from = done->integer(0);
  }
  auto note = database.prepare("INSERT OR REPLACE INTO meta VALUES('salvaged_letter:' || ?,?)");
  if (!note) return std::unexpected(note.error());
  for (Result<bool> more = true; *more;) {
    if (Status s = begin_batch(); !s) return s;
    more = move_some_letters(from);
    Status s = more ? Status() : std::unexpected(more.error());
    note->bind(1, std::string_view(mark));
    note->bind(2, from);
    if (s) s = note->run();
    if (s) s = end_batch();
    if (!s) {
      database.rollback();
      return s;
    }
  }
  return {};
}

Result<bool> Salvage::move_some_letters(LetterId& from) {
  FoundLetter found;
  while (batch_bytes_ < kBatchBytes) {
    const Result<bool> more = found_.letters().next(from, found);
    if (!more && more.error().code != Code::corrupt) return more;
    if (more && !*more) return false;
    from = found.letter.id;
    if (!more) continue;
    open_content(found_.keys(), found.letter, found.content, body_);
    const Status restored = store_.letters->restore(found.letter, body_);
    wipe(body_);
    if (Status s = restored; !s) {
      return std::unexpected(s.error());
    }
    batch_bytes_ += static_cast<std::int64_t>(body_.size() + Letters::kRowBytes);
    ++letters_;
  }
  return true;
}

Status Salvage::move_lanes() {
  for (const auto& [id, origin] : found_.all()) {
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

Status Salvage::move_lane(const DamagedLane& origin) {
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
Result<Lane> Salvage::lane_for(const DamagedLane& origin) {
  auto lanes = schema::lanes(*store_.database, *store_.encryption);
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

Status Salvage::move_piece(const DamagedLane& origin, const Piece& piece) {
  Entry entry;
  Status got = found_.read(piece, entry, body_, pages_);
  if (!got) return got.error().code == Code::corrupt ? Status() : got;
  if (entry.kind == Kind::chunk) return take_chunk(origin, entry);
  Digest previous{};
  if (!sound(origin, entry, previous)) return {};
  if (Status s = fill_gap(entry.range.first, previous); !s) return s;
  entry.lane = lane_.id;
  if (Status s = put(entry, body_); !s) return s;
  lane_.at.next_seq = entry.range.last + 1;
  lane_.at.chain = entry.hash;
  moved_ += entry.records();
  return store_.save(lane_);
}

// `previous`: the chain before it.
bool Salvage::sound(const DamagedLane& origin, const Entry& entry, Digest& previous) {
  previous = entry.previous;
  if (entry.kind == Kind::tombstone && body_.empty()) return true;
  const auto header = Opener::verify(body_);
  if (!header || header->gateway != origin.gateway || header->lane != origin.name ||
      header->epoch != origin.epoch || header->range.first != entry.range.first) {
    return false;
  }
  if (entry.kind == Kind::tombstone) return header->count == 0;
  previous = header->previous;
  return header->range.last == entry.range.last && header->every == entry.every &&
         chain_end(*header) == entry.hash;
}

// Whatever is missing before `first` is lost; what was opened goes before it.
Status Salvage::fill_gap(std::uint64_t first, const Digest& through) {
  if (Status s = seal_rows(); !s) return s;
  return first <= lane_.at.next_seq ? Status() : declare(first - 1, through);
}

Status Salvage::take_chunk(const DamagedLane& origin, const Entry& chunk) {
  if (chunk.range.first > lane_.at.next_seq) {
    // Before it, envelopes may be missing; the lane's chain is theirs.
    if (Status s = fill_gap(chunk.range.first, origin.chain); !s) return s;
  } else if (rows_.empty() && chunk.range.first == origin.acked + 1) {
    lane_.at.chain = origin.chain;  // Chunks come last: all that was sealed is acknowledged.
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
  for (std::span<const Row> rows(rows_); !rows.empty();) {
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

std::string told(const Salvage& salvage, std::uint64_t nameless, const std::string& name) {
  std::string text = "of the queue that was put aside as " + name + ", " +
                     std::to_string(salvage.records_moved()) + " records are sent after all and " +
                     std::to_string(salvage.records_lost()) + " are declared lost";
  if (salvage.letters_moved() > 0) {
    text += "; " + std::to_string(salvage.letters_moved()) + " dead letters are kept";
  }
  if (nameless > 0) {
    text +=
        "; " + std::to_string(nameless) + " more belong to a lane that cannot be named any more";
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
  DamagedLanes found(**damaged, *store.encryption);
  if (Status s = found.collect(); !s) return std::unexpected(s.error());
  if (found.needs_other_key()) {
    findings.push_back(name + " is encrypted with another key: it stays until that is given as " +
                       "spool.key_previous, or until you delete it");
    return false;
  }
  if (found.all().empty()) {
    findings.push_back("nothing could be read of " + name +
                       ": it stays for you to look at; delete it to have its space back");
    return false;
  }
  if (!(*damaged)->knows_free()) {
    findings.push_back("the sources' positions could not be read of " + name +
                       ": sources begin as on a new gateway");
  }
  Salvage work(store, **damaged, found, options.generation);
  Status moved = work.move_notes(name);
  if (moved) moved = work.move_letters(name);
  if (moved) moved = work.move_lanes();
  findings.push_back(told(work, found.records_nameless(), name));
  if (!moved) return std::unexpected(moved.error());
  damaged->reset();
  for (const std::string& old : {path + "-wal", path}) std::ignore = files.remove(old);
  std::ignore = files.sync_directory(options.directory);
  return true;
}

}  // namespace pinaflux
