// A lane's seqs come from several files, and in each in order but with holes, so they are kept as bits: 100 million
// records take 12 MB, where 16 bytes for each run of seqs would take 1.6 GB if two streams alternate.

#include "agent/collector/recount_files.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <utility>

#include "agent/collector/file_rows.h"
#include "agent/collector/landed_line.h"

namespace pinaflux {

namespace {

constexpr std::size_t kBlockBytes = 1024 * 1024;

void append_range(std::vector<Range>& to, const Range& range) {
  if (!to.empty() && to.back().last + 1 >= range.first) {
    to.back().last = std::max(to.back().last, range.last);
  } else {
    to.push_back(range);
  }
}

bool holds(const std::vector<Range>& held, std::uint64_t seq) {
  const auto at = std::ranges::lower_bound(held, seq, {}, &Range::last);
  return at != held.end() && at->first <= seq;
}

// Calls take() for each row of the query.
template <typename Take>
Status each_row(sqlite::Database& database, const char* sql, const Take& take) {
  Result<sqlite::Statement> rows = database.prepare(sql);
  if (!rows) return std::unexpected(rows.error());
  for (;;) {
    const Result<bool> row = rows->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    take(*rows);
  }
}

}  // namespace

void SeqSet::add(std::uint64_t seq) {
  std::uint64_t& word = chunks_[seq >> kBits][seq / 64 % std::tuple_size_v<Chunk>];
  const std::uint64_t bit = std::uint64_t{1} << seq % 64;
  if ((word & bit) != 0) ++again_[seq];
  word |= bit;
}

bool SeqSet::Cursor::next(std::uint64_t& seq) {
  if (again_ > 0) {
    --again_;
    seq = seq_;
    return true;
  }
  for (; at_ != set_->chunks_.end(); ++at_, bit_ = 0) {
    for (; bit_ < (1U << kBits); bit_ = (bit_ / 64 + 1) * 64) {
      const std::uint64_t left = at_->second[bit_ / 64] >> bit_ % 64;
      if (left == 0) continue;
      bit_ += static_cast<unsigned>(std::countr_zero(left));
      seq = seq_ = (at_->first << kBits) + bit_++;
      const auto again = set_->again_.find(seq);
      again_ = again == set_->again_.end() ? 0 : again->second;
      return true;
    }
  }
  return false;
}

Status FileRecount::read(sqlite::Database& database, Files& files, bool by_day) {
  by_day_ = by_day;
  if (Status s = read_state(database); !s) return s;
  for (auto& [id, entry] : entries_) {
    if (Status s = count(files, entry); !s) {
      unreadable_ = entry.path;
      return s;
    }
    entry.pieces = {};
  }
  for (auto& [lane, ranges] : away_) std::ranges::sort(ranges, {}, &Range::first);
  return {};
}

void FileRecount::tell(VerifyReport& report) const {
  report.files_moved = files_away_;
  report.moved_files = paths_away_;
  report.pieces_damaged = pieces_damaged_;
  report.damaged = damaged_;
}

Status FileRecount::read_state(sqlite::Database& database) {
  if (Status s = read_lanes(database); !s) return s;
  if (Status s = read_paths(database); !s) return s;
  if (Status s = read_heads(database); !s) return s;
  return read_pieces(database);
}

Status FileRecount::read_lanes(sqlite::Database& database) {
  return each_row(database, "SELECT gateway,epoch,lane,id FROM pinaflux_lane",
                  [&](const sqlite::Statement& row) {
                    lanes_[who_of(row.text(0), row.text(1), row.text(2))] = row.integer(3);
                  });
}

Status FileRecount::read_paths(sqlite::Database& database) {
  return each_row(database,
                  "SELECT l.id,l.path,coalesce(abs(f.bytes),-1),"
                  "l.id=(SELECT max(id) FROM pinaflux_line_file n WHERE n.path=l.path)"
                  " FROM pinaflux_line_file l LEFT JOIN pinaflux_file f ON f.path=l.path",
                  [&](const sqlite::Statement& row) {
                    entries_[row.integer(0)] = {
                        std::string(row.text(1)), row.integer(2), row.integer(3) != 0, {}, {}, {}};
                  });
}

Status FileRecount::read_heads(sqlite::Database& database) {
  const Result<bool> kept = database.has_column("pinaflux_file_head", "hash");
  if (!kept) return std::unexpected(kept.error());
  if (!*kept) return {};
  return each_row(database,
                  "SELECT l.id,h.bytes,h.hash FROM pinaflux_line_file l"
                  " JOIN pinaflux_file_head h ON h.path=l.path",
                  [&](const sqlite::Statement& row) {
                    FileHead& head = entries_[row.integer(0)].head;
                    if (row.blob(2).size() != head.hash.size()) return;
                    head.bytes = static_cast<std::uint64_t>(row.integer(1));
                    std::ranges::copy(row.blob(2), head.hash.begin());
                  });
}

Status FileRecount::read_pieces(sqlite::Database& database) {
  const Result<bool> sums = database.has_column(FileRows::kPieces, "sum");
  if (!sums) return std::unexpected(sums.error());
  const std::string sql = std::string("SELECT lane,first,last,file,offset,bytes,rows,") +
                          (*sums ? "sum" : "NULL") + " FROM pinaflux_piece ORDER BY lane,first";
  Status read = each_row(database, sql.c_str(), [&](const sqlite::Statement& row) {
    const auto number = [&](int column) { return static_cast<std::uint64_t>(row.integer(column)); };
    FileEntry& entry = entries_[row.integer(3)];
    append_range(entry.held[row.integer(0)], {number(1), number(2)});
    entry.pieces.push_back({number(4), number(5), number(6), number(7), !row.is_null(7), 0, 0});
  });
  for (auto& [id, entry] : entries_) std::ranges::sort(entry.pieces, {}, &Piece::offset);
  return read;
}

// None: it is not there. A .part is of this file only if it begins so; what has the name may be damaged where it begins.
Result<std::unique_ptr<File>> FileRecount::open(Files& files, FileEntry& entry) {
  for (const bool named : {true, false}) {
    auto file = files.open(named ? entry.path : entry.path + DayFiles::kPart, Files::Mode::read);
    if (!file && file.error().code == Code::not_found) continue;
    if (!file || entry.head.bytes == 0) return file;
    const Result<bool> same = entry.head.is_of(**file);
    if (!same) return std::unexpected(same.error());
    entry.other = !*same;
    if (*same || named) return file;
  }
  return nullptr;
}

Status FileRecount::count(Files& files, FileEntry& entry) {
  auto file = entry.newest ? open(files, entry) : nullptr;
  if (!file) return std::unexpected(file.error());
  if (*file == nullptr) {
    lose(entry);
    return {};
  }
  const Result<FileInfo> info = (*file)->info();
  if (!info) return std::unexpected(info.error());
  const std::uint64_t committed =
      entry.bytes < 0 ? info->bytes : static_cast<std::uint64_t>(entry.bytes);
  if (Status s = count_lines(**file, std::min(committed, info->bytes), entry); !s) return s;
  if (entry.other && entry.rows == 0) {
    lose(entry);
  } else {
    judge(entry);
  }
  return {};
}

void FileRecount::lose(const FileEntry& entry) {
  ++files_away_;
  if (paths_away_.size() < VerifyReport::kFilesShown) paths_away_.push_back(entry.path);
  for (const auto& [lane, ranges] : entry.held) {
    away_[lane].insert(away_[lane].end(), ranges.begin(), ranges.end());
  }
}

void FileRecount::judge(const FileEntry& entry) {
  for (const Piece& piece : entry.pieces) {
    if (!piece.damaged()) continue;
    ++pieces_damaged_;
    if (damaged_.size() >= VerifyReport::kFilesShown) continue;
    damaged_.push_back({entry.path, piece.offset, piece.rows, piece.lines});
  }
}

Status FileRecount::count_lines(File& file, std::uint64_t bytes, FileEntry& entry) {
  std::string text;
  Buffer block(kBlockBytes);
  std::uint64_t begin = 0;  // Of the text, in the file.
  std::size_t piece = 0;
  bool skipping = false;  // To the end of a line that is none of ours.
  for (std::uint64_t at = 0; at < bytes;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kBlockBytes, bytes - at));
    const auto read = file.read_at(at, MutableBytes(block).first(wanted));
    if (!read) return std::unexpected(read.error());
    if (*read == 0) break;
    at += *read;
    text += as_text(Bytes(block).first(*read));
    std::string_view rest(text);
    for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos;) {
      const std::string_view line = rest.substr(0, end);
      if (!std::exchange(skipping, false)) {
        take_line(entry.pieces, piece, begin, line);
        take_row(line, entry);
      }
      rest.remove_prefix(end + 1);
      begin += end + 1;
    }
    text.erase(0, text.size() - rest.size());
    if (!skipping && text.size() <= kLineBytesMax) continue;
    skipping = true;
    begin += text.size();
    text.clear();
  }
  return {};
}

// Adds a line to the piece that it lies in; `at` is the first that may be it.
void FileRecount::take_line(std::vector<Piece>& pieces, std::size_t& at, std::uint64_t offset,
                            std::string_view text) {
  while (at < pieces.size() && pieces[at].offset + pieces[at].bytes <= offset) ++at;
  if (at == pieces.size() || pieces[at].offset > offset) return;
  ++pieces[at].lines;
  pieces[at].sum_now += line_sum(text);
}

void FileRecount::take_row(std::string_view text, FileEntry& entry) {
  const auto line = read_line(text);
  if (!line) return;
  const auto lane = lanes_.find(line->lane);
  if (lane == lanes_.end()) return;
  const auto ranges = entry.held.find(lane->second);
  if (ranges == entry.held.end() || !holds(ranges->second, line->seq)) return;
  const bool dated = by_day_ && line->time.boot == 0;
  const Day day = dated ? Day(line->time.ns / Duration::days(1).ns) : Day();
  seqs_[lane->second][day].add(line->seq);
  ++entry.rows;
}

std::vector<SeqSet::Cursor> FileRecount::seqs(std::int64_t lane) const {
  std::vector<SeqSet::Cursor> all;
  const auto days = seqs_.find(lane);
  if (days == seqs_.end()) return all;
  for (const auto& [day, set] : days->second) all.emplace_back(set, day);
  return all;
}

std::vector<Range> FileRecount::away(std::int64_t lane) const {
  std::vector<Range> merged;
  const auto ranges = away_.find(lane);
  if (ranges == away_.end()) return merged;
  for (const Range& range : ranges->second) append_range(merged, range);
  return merged;
}

}  // namespace pinaflux
