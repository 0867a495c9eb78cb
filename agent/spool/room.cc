// bytes_max is shared out once, at the start:
//
//   | pages for records ............ | margin | reserve | WAL until due | one transaction |
//   0                       full() -^        ^- limit   ^- page limit                   bytes_max
//
// A file does not shrink, so its free pages count as free. Above `full() ->` the sources are held back
// while the groups that are already on their way still fit into the margin. The reserve belongs to acks,
// cursors and tombstones, which must work when nothing else does.
//
// Both files have their whole length from the start, by fallocate(): its blocks are ours, whatever others
// do to the file system, and growing costs no second write. SQLite cuts the database file after each
// checkpoint; a chunk size of the whole length makes it round up to where it was. The WAL's blocks up to
// where a checkpoint is due are written with zeros once, because writing into blocks that were only
// reserved makes every sync write the file system's journal, too.
//
// Where the file system cannot reserve (and in memory, where it would take what others need now), both
// files are written with zeros ahead of each transaction instead, and cut after the next checkpoint.

#include "agent/spool/room.h"

#include <algorithm>
#include <tuple>

namespace pinaflux {

namespace {

constexpr std::int64_t kKiB = 1024;
constexpr std::int64_t kMiB = 1024 * kKiB;
constexpr std::int64_t kWalFrameBytes = Room::kPageBytes + 24;
constexpr std::int64_t kTransactionBytesMax =
    static_cast<std::int64_t>(limits::kGroupBytesMax) + kMiB;
constexpr std::int64_t kFileBytesLeast = kMiB;  // Whatever else takes the bound.
constexpr std::int64_t kReserveStep = 64 * kKiB;

// What is left for the database once the WAL and a transaction have their share.
static_assert(Room::kBytesMin - 2 * kTransactionBytesMax > kTransactionBytesMax);

Result<std::int64_t> number(sqlite::Statement& statement) {
  const sqlite::Reading reading(statement);
  const Result<bool> row = statement.step();
  if (!row) return std::unexpected(row.error());
  return statement.integer(0);
}

}  // namespace

Result<Room> Room::prepare(sqlite::Database& database, Place place, std::uint64_t bytes_max,
                           std::uint64_t bytes_taken) {
  Room room(database, place);
  const auto whole = static_cast<std::int64_t>(bytes_max);
  room.wal_due_ = std::clamp(whole / 64, 256 * kKiB, kMiB);
  room.wal_max_ = room.wal_due_ + kTransactionBytesMax;
  room.file_max_ = (whole - room.wal_max_) / kPageBytes * kPageBytes;
  room.reserves_ = !place.in_memory;
  const std::pair<sqlite::Statement*, const char*> statements[] = {
      {&room.page_count_, "PRAGMA page_count"}, {&room.free_count_, "PRAGMA freelist_count"}};
  if (Status s = database.prepare_all(statements); !s) return std::unexpected(s.error());
  if (Status s = room.measure(); !s) return std::unexpected(s.error());
  if (Status s = room.grow(bytes_taken); !s) return std::unexpected(s.error());
  // Without the space the spool still works, as long as the disk has room.
  std::ignore = database.extend_wal(room.wal_due_ + room.wal_due_ / 4);
  if (Status s = room.secure_wal(); !s) return std::unexpected(s.error());
  return room;
}

Status Room::grow(std::uint64_t bytes_taken) {
  const auto taken = static_cast<std::int64_t>(bytes_taken);
  target_ = std::max({file_max_ - taken, pages_ * kPageBytes, kFileBytesLeast});
  target_ = target_ / kPageBytes * kPageBytes;
  return secure();
}

// As much of the target as the disk gives.
Status Room::secure() {
  if (reserves_ && reserved_ < target_) {
    const std::int64_t before = reserved_;
    Status s = secure_file(target_);
    for (std::int64_t step = (target_ - reserved_) / 2; !s && step >= kReserveStep; step /= 2) {
      if (s.error().code != Code::full) break;
      // Space may come free meanwhile: the bound is the bound all the same.
      const std::int64_t more = step / kPageBytes * kPageBytes;
      while (reserved_ + more <= target_ && secure_file(reserved_ + more)) {
      }
    }
    if (!s && s.error().code == Code::unsupported) reserves_ = false;
    if (!s && reserves_ && s.error().code != Code::full) return s;
    // Where the WAL is empty SQLite takes the length for its page count, and writes that into the WAL: with
    // a file that has lost its length, the next start would find it damaged.
    if (reserved_ > before) {
      if (Status synced = place_.file->sync(); !synced) return synced;
    }
  }
  share_out();
  const std::int64_t pages = (reserves_ ? reserved_ : target_) / kPageBytes;
  const auto set = database_->page_limit(std::max(pages, pages_));
  return set ? Status() : std::unexpected(set.error());
}

Status Room::secure_file(std::int64_t bytes) {
  if (Status s = place_.file->reserve(static_cast<std::uint64_t>(bytes)); !s) return s;
  reserved_ = bytes;
  database_->keep_length(bytes);
  return {};
}

Status Room::secure_wal() {
  if (!reserves_ || database_->wal_bytes() >= wal_max_) return {};
  auto wal = place_.files->open(place_.path + "-wal", Files::Mode::write);
  if (!wal) return wal.error().code == Code::not_found ? Status() : std::unexpected(wal.error());
  const Status s = (*wal)->reserve(static_cast<std::uint64_t>(wal_max_));
  return s || s.error().code == Code::full || s.error().code == Code::unsupported ? Status() : s;
}

void Room::share_out() {
  const std::int64_t whole = reserves_ ? reserved_ : target_;
  const std::int64_t reserve = std::max(whole / 50, 64 * kPageBytes);
  limit_ = disk_limit_ = whole - reserve;
  margin_ = std::max(limit_ / 10,
                     std::min(limit_ / 4, static_cast<std::int64_t>(limits::kGroupBytesMax)));
}

Status Room::measure() {
  const Result<std::int64_t> pages = number(page_count_);
  if (!pages) return std::unexpected(pages.error());
  const Result<std::int64_t> unused = number(free_count_);
  if (!unused) return std::unexpected(unused.error());
  pages_ = *pages;
  used_ = (*pages - *unused) * kPageBytes;
  return {};
}

Status Room::reserve(std::int64_t bytes) {
  disk_limit_ = limit_;
  const Status wal = reserve_wal(bytes);
  if (!wal && wal.error().code != Code::full) return wal;
  if (!wal) disk_limit_ = 0;
  const std::int64_t wanted = used_ + bytes;
  if (!wal || reserves_ || wanted <= pages_ * kPageBytes || wanted > limit_) return {};
  const Status file = database_->reserve(wanted);
  if (!file && file.error().code != Code::full) return file;
  if (!file) disk_limit_ = std::min(limit_, database_->file_bytes() - 64 * kPageBytes);
  return {};
}

// The WAL before the file: without room for a transaction, pages that acks have freed are of no use.
Status Room::reserve_wal(std::int64_t bytes) {
  const std::int64_t needed = (bytes / kPageBytes + 1) * kWalFrameBytes;
  const auto fits = [&] {
    return database_->wal_frames() * kWalFrameBytes + needed <= database_->wal_bytes();
  };
  if (fits()) return {};
  if (Status s = checkpoint(); !s) return s;
  return fits() ? Status() : database_->extend_wal(needed + kWalFrameBytes);
}

Result<bool> Room::fits(std::int64_t bytes) {
  if (Status s = measure(); !s) return std::unexpected(s.error());
  return used_ + bytes <= disk_limit_;
}

Status Room::checkpoint_if_due() {
  if (database_->wal_frames() * kWalFrameBytes < wal_due_) return {};
  return checkpoint();
}

bool Room::wal_overdue() const { return database_->wal_frames() * kWalFrameBytes >= wal_due_ * 2; }

Status Room::checkpoint() {
  const bool too_long = database_->wal_bytes() > wal_max_;
  if (Status s = database_->checkpoint(too_long); !s) return s;
  if (too_long) std::ignore = database_->extend_wal(wal_due_ + wal_due_ / 4);
  if (!reserves_) return {};
  // A length beyond what a chunk size can say is cut off all the same.
  if (database_->file_bytes() < reserved_) reserved_ = database_->file_bytes();
  if (Status s = secure_wal(); !s) return s;
  return reserved_ < target_ ? secure() : Status();
}

Status Room::judge(std::int64_t evictable) {
  if (Status s = measure(); !s) return s;
  const std::int64_t held = used_ - evictable;
  const std::int64_t high = std::min(limit_, disk_limit_) - margin_;
  if (held >= high) full_ = true;
  if (held < high - limit_ / 10) full_ = false;
  return {};
}

std::int64_t Room::bytes_used() const { return used_ + database_->wal_frames() * kWalFrameBytes; }

std::int64_t Room::bytes_missing() const { return reserves_ ? target_ - reserved_ : 0; }

}  // namespace pinaflux
