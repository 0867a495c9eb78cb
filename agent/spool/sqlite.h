// SQLite behind one wall: a database, its statements, and our error codes.
//
// Promise    No call throws or aborts on what the disk does. After an error inside a transaction,
//            rollback() brings the database back to where begin() found it; when forget() has succeeded,
//            nothing brings it back later, a power cut neither.
// Errors     full (no space, or the page limit), read_only, denied, busy, corrupt, io, not_found.
// Limits     One connection; page_limit(), the WAL by checkpoint().
// Ownership  A Statement must die before its Database. What text() and blob() give dies with the next
//            step(), reset() or bind.
// Threads    One owner at a time.
// Source     https://www.sqlite.org/c3ref/intro.html; pragmas as in agent/spool/FORMAT.md.
// Tests      tests/agent/spool/open_test.cc, damage_test.cc
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "platform/base/bytes.h"
#include "platform/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace pinaflux::sqlite {

class Statement {
 public:
  Statement() = default;
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;

  // Places count from 1. The bytes must live until the statement has run. What prepare_later() gave is
  // prepared here; if that fails, step() says so.
  void bind(int place, std::int64_t value);
  void bind(int place, double value);  // A NaN becomes NULL.
  void bind(int place, std::string_view text);
  void bind(int place, Bytes blob);
  void bind_null(int place);

  // True: there is a row. At the end and on an error it resets itself.
  Result<bool> step();
  // Runs to the end, ignoring rows.
  Status run();
  // Lets go of its row: a statement that still has one keeps the WAL from being reset.
  void reset();

  // Columns count from 0.
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string_view text(int column) const;
  Bytes blob(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* raw) : raw_(raw) {}
  Statement(sqlite3* owner, std::string sql) : owner_(owner), sql_(std::move(sql)) {}
  bool ready();

  sqlite3_stmt* raw_ = nullptr;
  sqlite3* owner_ = nullptr;  // Of one that is not prepared yet.
  std::string sql_;
  std::optional<Error> unready_;  // Why; some bindings are missing.
};

// Resets a statement that is read row by row, on every way out.
class Reading {
 public:
  explicit Reading(Statement& statement) : statement_(statement) {}
  ~Reading() { statement_.reset(); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

 private:
  Statement& statement_;
};

// What a file says of whose it is.
struct FileMarks {
  std::int64_t version = 0;  // PRAGMA user_version.
  std::int64_t owner = 0;    // PRAGMA application_id.
  std::int64_t tables = 0;   // Indices included; counted only where nothing else is said.

  bool empty() const { return version == 0 && owner == 0 && tables == 0; }
};

class Database {
 public:
  struct Options {
    std::string path;
    int page_bytes = 1024;
    int cache_kibibytes = 1024;
    bool shared = false;     // Others may read it meanwhile; links are followed. The collector's.
    bool read_only = false;  // Neither made nor written; implies shared.
    const char* vfs = nullptr;  // Files::sqlite_vfs().
  };

  // Opens or makes the file, exclusively unless shared, without reading or writing it yet.
  static Result<std::unique_ptr<Database>> open(const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Turns the WAL on and the pragmas of durability, and renews the WAL unless it is shared: the first call
  // that reads and writes the file.
  Status make_durable();

  Status execute(const char* sql);
  Result<Statement> prepare(const char* sql);
  Status prepare_all(std::span<const std::pair<Statement*, const char*>> wanted);
  // At its first use: a start needs few of the statements that a life does, and parsing them is half of it.
  Statement prepare_later(std::string sql) const { return {raw_, std::move(sql)}; }
  Result<std::int64_t> integer(const char* sql);  // One row, one column; not_found without a row.
  Result<FileMarks> marks();
  Result<bool> has_column(std::string_view table, std::string_view column);
  // What SQLite says of the last call that failed: it may hold names and texts of the schema, no values.
  std::string why() const;
  // Rows that the last statement has inserted, updated or deleted.
  std::int64_t changes() const;
  // False after a rule of the database took back the whole transaction: RAISE(ROLLBACK).
  bool in_transaction() const;

  Status begin() { return begin_.run(); }
  // An error other than full leaves open whether the transaction is in the WAL.
  Status commit();
  void rollback();
  // What failed to commit is voided in the WAL, durably. rollback() and commit() try it; to be repeated until
  // it succeeds, before the file is closed or written again. Of a shared database nothing is voided.
  Status forget();

  // The first `pages` pages are the most that the file may have. Gives what is now the limit.
  Result<std::int64_t> page_limit(std::int64_t pages);
  // Writes zeros behind the end of the file until it has `bytes`. The next checkpoint() gives back what
  // was not used.
  Status reserve(std::int64_t bytes);
  // From now on a checkpoint cuts the file to no less than `bytes`. Without effect beyond 2 GiB.
  void keep_length(std::int64_t bytes);
  // Frames of the WAL after the last commit; 0 once they have been copied into the database.
  std::int64_t wal_frames() const { return wal_frames_; }
  // Copies the WAL into the database, so that its space is used again from the start. `truncate` also
  // gives the space back.
  Status checkpoint(bool truncate);
  // A checkpoint, and then a WAL that begins with nothing: what a failed sync has kept from the disk is
  // written once more, and a power cut brings no older pages back. Not for a shared database.
  Status renew_wal();
  // Writes zeros behind the end of the WAL until it has `bytes`: space that a full disk cannot take.
  Status extend_wal(std::int64_t bytes);
  std::int64_t wal_bytes() const;
  std::int64_t file_bytes() const;
  // The medium or the file's permissions forbid writing.
  bool read_only() const;

 private:
  Database(sqlite3* raw, bool shared)
      : raw_(raw),
        begin_(prepare_later("BEGIN")),
        commit_(prepare_later("COMMIT")),
        shared_(shared) {}
  std::unexpected<Error> failed() const;
  static int committed(void* self, sqlite3* raw, const char* name, int frames);

  sqlite3* raw_ = nullptr;
  Statement begin_, commit_;
  bool shared_ = false;
  std::int64_t wal_frames_ = 0;
  std::int64_t checkpointed_ = 0;  // Frames, by the last checkpoint.
  bool commit_failed_ = false;
};

}  // namespace pinaflux::sqlite
