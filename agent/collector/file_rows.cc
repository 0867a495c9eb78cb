// Whether a record that came again is the one that landed is seldom asked, and then of a whole envelope, seq by seq:
// so its lines are read once, by the pieces that begin with the last `first` up to the seq.

#include "agent/collector/file_rows.h"

#include <utility>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::size_t kNumbersMax = 4'096;
constexpr const char* kMake =
    "CREATE TABLE IF NOT EXISTS pinaflux_line_file(id INTEGER PRIMARY KEY, path TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS pinaflux_line_file_path ON pinaflux_line_file(path);"
    "CREATE TABLE IF NOT EXISTS pinaflux_piece(lane INTEGER NOT NULL, first INTEGER NOT NULL,"
    " file INTEGER NOT NULL, last INTEGER NOT NULL, offset INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL, rows INTEGER NOT NULL, sum INTEGER, PRIMARY KEY(lane, first, file)) "
    "WITHOUT ROWID";

// Pieces had no sums, and paths could depend on where the collector was started: DayFiles has found those files.
Status go_on_from_before(sqlite::Database& database, const std::string& base) {
  const Result<bool> sums = database.has_column(FileRows::kPieces, "sum");
  if (!sums) return std::unexpected(sums.error());
  if (!*sums) {
    Status added = database.execute("ALTER TABLE pinaflux_piece ADD COLUMN sum INTEGER");
    if (!added) return added;
  }
  if (base.empty()) return {};
  auto move = database.prepare(
      "UPDATE pinaflux_line_file SET path=?1||path WHERE path NOT LIKE '/%'"
      " AND EXISTS(SELECT 1 FROM pinaflux_file f WHERE f.path=?1||pinaflux_line_file.path)");
  if (!move) return std::unexpected(move.error());
  const std::string before = base + "/";
  move->bind(1, std::string_view(before));
  return move->run();
}

}  // namespace

Result<bool> FileRows::are_in(sqlite::Database& database) {
  const Result<bool> made = database.has_column(kPieces, "lane");
  if (!made || !*made) return made;
  const auto some = database.integer("SELECT EXISTS(SELECT 1 FROM pinaflux_piece)");
  if (!some) return std::unexpected(some.error());
  return *some != 0;
}

Result<std::optional<bool>> FileRows::remember(sqlite::Database& database, bool alone) {
  Status made =
      database.execute("CREATE TABLE IF NOT EXISTS pinaflux_rows(alone INTEGER NOT NULL)");
  if (!made) return std::unexpected(made.error());
  const auto before = database.integer("SELECT coalesce(max(alone),-1) FROM pinaflux_rows");
  if (!before) return std::unexpected(before.error());
  const std::string keep = "DELETE FROM pinaflux_rows;INSERT INTO pinaflux_rows VALUES(" +
                           std::to_string(alone ? 1 : 0) + ")";
  if (Status s = database.execute(keep.c_str()); !s) return std::unexpected(s.error());
  return *before < 0 ? std::nullopt : std::optional<bool>(*before != 0);
}

Result<FileRows> FileRows::prepare(sqlite::Database& database, Tables& tables, DayFiles& files,
                                   bool alone, const std::string& base) {
  if (Status s = database.execute(kMake); !s) return std::unexpected(s.error());
  if (Status s = go_on_from_before(database, base); !s) return std::unexpected(s.error());
  FileRows rows(tables, files, alone);
  const std::pair<sqlite::Statement*, const char*> all[] = {
      {&rows.note_,
       "INSERT INTO pinaflux_piece(lane,first,file,last,offset,bytes,rows,sum) "
       "VALUES(?,?,?,?,?,?,?,?)"},
      {&rows.find_,
       "SELECT f.path,p.offset,p.bytes,p.first,p.last,"
       "NOT EXISTS(SELECT 1 FROM pinaflux_line_file g WHERE g.path=f.path AND g.id>f.id) FROM "
       "pinaflux_piece p"
       " JOIN pinaflux_line_file f ON f.id=p.file WHERE p.lane=?1 AND p.last>=?2 AND p.first="
       "(SELECT max(first) FROM pinaflux_piece WHERE lane=?1 AND first<=?2)"},
      {&rows.add_file_, "INSERT INTO pinaflux_line_file(path) VALUES(?) RETURNING id"},
      {&rows.find_file_, "SELECT max(id) FROM pinaflux_line_file WHERE path=?"},
  };
  if (Status s = database.prepare_all(all); !s) return std::unexpected(s.error());
  return rows;
}

Status FileRows::land(std::int64_t lane, const RowIdentity& identity, std::span<const Row> rows,
                      std::span<const std::int64_t> anchors) {
  read_ = {};
  return alone_ ? Status() : tables_->land(lane, identity, rows, anchors);
}

Status FileRows::note(std::int64_t lane, const Range& range, std::span<const LinePiece> pieces) {
  if (!alone_) return {};
  for (const LinePiece& piece : pieces) {
    const Result<std::int64_t> file = number_of(piece);
    if (!file) return std::unexpected(file.error());
    note_.bind(1, lane);
    note_.bind(2, static_cast<std::int64_t>(range.first));
    note_.bind(3, *file);
    note_.bind(4, static_cast<std::int64_t>(range.last));
    note_.bind(5, static_cast<std::int64_t>(piece.offset));
    note_.bind(6, static_cast<std::int64_t>(piece.bytes));
    note_.bind(7, static_cast<std::int64_t>(piece.rows));
    note_.bind(8, static_cast<std::int64_t>(piece.sum));
    if (Status s = note_.run(); !s) return s;
  }
  return {};
}

// A file that begins is another one than that which had its name before.
Result<std::int64_t> FileRows::number_of(const LinePiece& piece) {
  const auto known = numbers_.find(piece.path);
  if (piece.offset > 0 && known != numbers_.end()) return known->second;
  std::int64_t number = 0;
  for (sqlite::Statement* ask : {&find_file_, &add_file_}) {
    if (number > 0 || (ask == &find_file_ && piece.offset == 0)) continue;
    const sqlite::Reading reading(*ask);
    ask->bind(1, std::string_view(piece.path));
    const Result<bool> row = ask->step();
    if (!row) return std::unexpected(row.error());
    if (*row) number = ask->integer(0);
  }
  if (numbers_.size() >= kNumbersMax) numbers_.clear();
  return numbers_[piece.path] = number;
}

Result<std::optional<Stamp>> FileRows::landed_like(std::int64_t lane, std::uint64_t seq,
                                                   const Row& row) {
  if (Status s = read_envelope(lane, seq); !s) return std::unexpected(s.error());
  doubt_ = Doubt::none;
  const auto found = read_.lines.find(seq);
  if (found == read_.lines.end()) {
    if (!read_.whole) doubt_ = Doubt::away;
    return read_.whole ? tables_->landed_like(lane, seq, row) : std::optional<Stamp>();
  }
  std::string text;
  append_json_line(text, RowIdentity{}, row);
  text.pop_back();  // The newline.
  const auto same = read_line(text);
  const auto landed = read_line(found->second);
  if (!same || !landed) return std::nullopt;
  if (same->stream != landed->stream || same->fields != landed->fields) return std::nullopt;
  doubt_ = Doubt::time;
  return landed->time;
}

Status FileRows::read_envelope(std::int64_t lane, std::uint64_t seq) {
  if (read_.lane == lane && read_.range.first <= seq && seq <= read_.range.last) return {};
  read_ = {};
  struct Place {
    std::string path;
    std::uint64_t offset;
    std::size_t bytes;
  };
  std::vector<Place> places;
  {
    const sqlite::Reading reading(find_);
    find_.bind(1, lane);
    find_.bind(2, static_cast<std::int64_t>(seq));
    for (;;) {
      const Result<bool> row = find_.step();
      if (!row) return std::unexpected(row.error());
      if (!*row) break;
      if (find_.integer(5) != 0) {
        places.emplace_back(std::string(find_.text(0)),
                            static_cast<std::uint64_t>(find_.integer(1)),
                            static_cast<std::size_t>(find_.integer(2)));
      } else {
        read_.whole = false;
      }
      read_.lane = lane;
      read_.range = {static_cast<std::uint64_t>(find_.integer(3)),
                     static_cast<std::uint64_t>(find_.integer(4))};
    }
  }
  read_.texts.reserve(places.size());
  for (const Place& place : places) {
    if (Status s = read_piece(place.path, place.offset, place.bytes); !s) {
      read_ = {};
      return s;
    }
  }
  return {};
}

Status FileRows::read_piece(const std::string& path, std::uint64_t offset, std::size_t bytes) {
  Result<std::string> text = files_->read(path, offset, bytes);
  if (!text && text.error().code == Code::not_found) {
    read_.whole = false;
    return {};
  }
  if (!text) return std::unexpected(text.error());
  read_.texts.push_back(std::move(*text));
  Split lines(read_.texts.back(), '\n');
  for (std::string_view line; lines.next(line);) {
    if (const auto landed = read_line(line)) read_.lines.emplace(landed->seq, line);
  }
  return {};
}

Result<std::uint64_t> FileRows::nth_seq(const std::string& stream, std::int64_t lane,
                                        const Range& range, std::int64_t count) {
  return tables_->nth_seq(stream, lane, range, count);
}

std::string FileRows::key_of_stream(std::string_view stream) const {
  return tables_->key_of_stream(stream);
}

void FileRows::forget() {
  numbers_.clear();
  read_ = {};
}

}  // namespace pinaflux
