#include "agent/collector/sqlite_home.h"

#include <tuple>
#include <utility>

namespace pinaflux {

namespace {

constexpr int kPageBytes = 4096;
constexpr int kCacheKibibytes = 64 * 1024;
constexpr std::int64_t kWalFramesMax = 8'192;  // 32 MiB; more only while a reader holds it.

Status recognise(sqlite::Database& database) {
  const Result<sqlite::FileMarks> marks = database.marks();
  if (!marks) return std::unexpected(marks.error());
  if (marks->empty()) return {};
  if (marks->owner != SqliteHome::kApplicationId) {
    return fail(Code::invalid, "this is another program's database: name another file");
  }
  if (marks->version > SqliteHome::kVersion) {
    return fail(Code::newer, "this database was written by a newer collector: run that one");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<SqliteHome>> SqliteHome::open(const std::string& path, Files& files) {
  auto lock = lock_database(files, path);
  if (!lock) return std::unexpected(lock.error());
  std::unique_ptr<SqliteHome> home(new SqliteHome(std::move(*lock)));
  auto database = sqlite::Database::open({.path = path,
                                          .page_bytes = kPageBytes,
                                          .cache_kibibytes = kCacheKibibytes,
                                          .shared = true,
                                          .vfs = files.sqlite_vfs()});
  if (!database) return std::unexpected(database.error());
  home->database_ = std::move(*database);
  if (Status s = home->prepare(); !s) return std::unexpected(s.error());
  return home;
}

Status SqliteHome::prepare() {
  if (Status s = recognise(*database_); !s) return s;
  if (Status s = database_->make_durable(); !s) return s;
  begin_one_ = database_->prepare_later("SAVEPOINT one");
  undo_one_ = database_->prepare_later("ROLLBACK TO one");
  end_one_ = database_->prepare_later("RELEASE one");
  if (Status s = database_->begin(); !s) return s;
  const std::string marks = "PRAGMA application_id=" + std::to_string(kApplicationId) +
                            ";PRAGMA user_version=" + std::to_string(kVersion);
  if (Status s = database_->execute(marks.c_str()); !s) return s;
  Result<SqliteSink> tables = SqliteSink::prepare(*database_);
  if (!tables) return std::unexpected(tables.error());
  tables_ = std::make_unique<SqliteSink>(std::move(*tables));
  if (Status s = database_->commit(); !s) return s;
  // Written once more, unless a reader holds the WAL: a sync that failed under an earlier process may have kept it
  // from the disk, and what we read we acknowledge as a duplicate.
  std::ignore = database_->checkpoint(false);
  return {};
}

Status SqliteHome::begin(std::span<const LaneKey> lanes) {
  (void)lanes;
  return database_->begin();
}

Status SqliteHome::commit() {
  if (Status s = database_->commit(); !s) return s;
  // A reader may hold the WAL: then it grows, and the next commit tries again.
  if (database_->wal_frames() > kWalFramesMax) std::ignore = database_->checkpoint(false);
  return {};
}

void SqliteHome::rollback() {
  database_->rollback();
  tables_->forget();
  tables_->quarantined(0);
}

Status SqliteHome::begin_one() {
  quarantined_before_ = tables_->quarantined();
  return begin_one_.run();
}

Status SqliteHome::undo_one() {
  tables_->forget();
  tables_->quarantined(quarantined_before_);
  return undo_one_.run();
}

std::uint64_t SqliteHome::take_quarantined() {
  const std::uint64_t count = tables_->quarantined();
  tables_->quarantined(0);
  return count;
}

}  // namespace pinaflux
