// SqliteHome: rows and state in one SQLite file, which belongs to one collector at a time.
//
// Promise    That of Home: WAL, synchronous=FULL. A database that is refused is left as it was found.
// Ownership  Files must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/collector/store_test.cc
#pragma once

#include <memory>
#include <string>

#include "agent/collector/home.h"
#include "agent/collector/lock.h"
#include "agent/collector/sqlite_sink.h"
#include "platform/files.h"

namespace pinaflux {

class SqliteHome final : public Home {
 public:
  static constexpr std::int64_t kApplicationId = 0x50465843;  // "PFXC"
  static constexpr std::int64_t kVersion = 1;

  // Errors: busy (another collector has it), invalid (another program's database), newer, corrupt, denied,
  // read_only, full, io.
  static Result<std::unique_ptr<SqliteHome>> open(const std::string& path, Files& files);

  sqlite::Database& state() override { return *database_; }
  Supply* supply() override { return nullptr; }
  Tables& tables() override { return *tables_; }
  Status prepared() override { return {}; }
  Status begin(std::span<const LaneKey> lanes) override;
  Status commit() override;
  void rollback() override;
  Status begin_one() override;
  Status undo_one() override;
  Status end_one() override { return end_one_.run(); }
  bool broken() const override { return false; }
  bool again() override { return false; }
  std::uint64_t renewals() const override { return 0; }
  std::uint64_t take_quarantined() override;
  std::string trouble() const override { return {}; }

 private:
  explicit SqliteHome(std::unique_ptr<FileLock> lock) : lock_(std::move(lock)) {}
  Status prepare();

  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<sqlite::Database> database_;
  sqlite::Statement begin_one_, undo_one_, end_one_;
  std::unique_ptr<SqliteSink> tables_;
  std::uint64_t quarantined_before_ = 0;  // begin_one().
};

}  // namespace pinaflux
