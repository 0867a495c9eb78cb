// A lane's seqs come from several files, and in each in order but with holes, so they are kept as bits: 100 million
// records take 12 MB, where 16 bytes for each run of seqs would take 1.6 GB if two streams alternate.

#include "agent/collector/recount_files.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <utility>

#include "agent/collector/day_files.h"
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

Status FileRecount::read(sqlite::Database& database, Files& files) {
  if (Status s = read_state(database); !s) return s;
  for (const auto& [id, entry] : entries_) {
    if (Status s = count(files, entry); !s) return s;
  }
  for (auto& [lane, ranges] : away_) std::ranges::sort(ranges, {}, &Range::first);
  return {};
}

Status FileRecount::read_state(sqlite::Database& database) {
  if (Status s = read_lanes(database); !s) return s;
  if (Status s = read_paths(database); !s) return s;
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
                        std::string(row.text(1)), row.integer(2), row.integer(3) != 0, {}};
                  });
}

Status FileRecount::read_pieces(sqlite::Database& database) {
  return each_row(database, "SELECT lane,first,last,file FROM pinaflux_piece ORDER BY lane,first",
                  [&](const sqlite::Statement& row) {
                    const Range range{static_cast<std::uint64_t>(row.integer(1)),
                                      static_cast<std::uint64_t>(row.integer(2))};
                    append_range(entries_[row.integer(3)].held[row.integer(0)], range);
                  });
}

Status FileRecount::count(Files& files, const FileEntry& entry) {
  if (!entry.newest) {
    lose(entry);
    return {};
  }
  auto file = files.open(entry.path, Files::Mode::read);
  if (!file && file.error().code == Code::not_found) {
    file = files.open(entry.path + DayFiles::kPart, Files::Mode::read);
  }
  if (!file && file.error().code != Code::not_found) return std::unexpected(file.error());
  if (!file) {
    lose(entry);
    return {};
  }
  const Result<FileInfo> info = (*file)->info();
  if (!info) return std::unexpected(info.error());
  const std::uint64_t committed =
      entry.bytes < 0 ? info->bytes : static_cast<std::uint64_t>(entry.bytes);
  return count_lines(**file, std::min(committed, info->bytes), entry.held);
}

void FileRecount::lose(const FileEntry& entry) {
  ++files_away_;
  for (const auto& [lane, ranges] : entry.held) {
    away_[lane].insert(away_[lane].end(), ranges.begin(), ranges.end());
  }
}

Status FileRecount::count_lines(File& file, std::uint64_t bytes, const Held& held) {
  std::string text;
  Buffer block(kBlockBytes);
  for (std::uint64_t at = 0; at < bytes;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kBlockBytes, bytes - at));
    const auto read = file.read_at(at, MutableBytes(block).first(wanted));
    if (!read) return std::unexpected(read.error());
    if (*read == 0) break;
    at += *read;
    text += as_text(Bytes(block).first(*read));
    std::string_view rest(text);
    for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos;) {
      take_line(rest.substr(0, end), held);
      rest.remove_prefix(end + 1);
    }
    text.erase(0, text.size() - rest.size());
  }
  return {};
}

void FileRecount::take_line(std::string_view text, const Held& held) {
  const auto line = read_line(text);
  if (!line) return;
  const auto lane = lanes_.find(line->lane);
  if (lane == lanes_.end()) return;
  const auto ranges = held.find(lane->second);
  if (ranges == held.end() || !holds(ranges->second, line->seq)) return;
  const Day day = line->time.boot == 0 ? Day(line->time.ns / Duration::days(1).ns) : Day();
  seqs_[lane->second][day].add(line->seq);
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
