// The database is looked at through the very connection that the spool has: an automatic extension, which
// SQLite calls for every new connection, notes it. A second connection would cost as much as the first.

#include "tests/sim/crash/world.h"

#include <string>

#include <sqlite3.h>

#include "agent/vault/vault.h"
#include "platform/base/assert.h"
#include "platform/sim/disk.h"
#include "platform/sim/files.h"
#include "tests/sim/crash/truth.h"

namespace pinaflux::crash {

namespace {

sqlite3*& newest() {
  static sqlite3* connection = nullptr;
  return connection;
}

int note(sqlite3* connection, const char**, const void*) {
  newest() = connection;
  return SQLITE_OK;
}

class Rows {
 public:
  // A damaged file may refuse; a library that knows no such table would make each hash the same.
  explicit Rows(const std::string& sql) {
    const int code = sqlite3_prepare_v2(newest(), sql.c_str(), -1, &raw_, nullptr);
    ASSERT(code != SQLITE_ERROR);
  }
  ~Rows() { sqlite3_finalize(raw_); }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  // An error is an end that no hash equals.
  bool next(std::uint64_t& hash) {
    const int code = raw_ == nullptr ? SQLITE_ERROR : sqlite3_step(raw_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) hash ^= static_cast<std::uint64_t>(code) << 40;
    return code == SQLITE_ROW;
  }
  Bytes blob(int column) {
    const void* bytes = sqlite3_column_blob(raw_, column);
    const auto count = static_cast<std::size_t>(sqlite3_column_bytes(raw_, column));
    return {static_cast<const std::uint8_t*>(bytes), bytes == nullptr ? 0 : count};
  }
  int columns() { return sqlite3_column_count(raw_); }
  int type(int column) { return sqlite3_column_type(raw_, column); }

 private:
  sqlite3_stmt* raw_ = nullptr;
};

std::uint64_t hash_table(const std::string& name) {
  std::uint64_t hash = hash_of(as_bytes(name));
  Rows rows("SELECT * FROM \"" + name + "\"");
  while (rows.next(hash)) {
    for (int i = 0; i < rows.columns(); ++i) {
      hash = hash_of(rows.blob(i), hash + static_cast<std::uint64_t>(rows.type(i)));
    }
  }
  return hash;
}

}  // namespace

void watch_connections() { sqlite3_auto_extension(reinterpret_cast<void (*)()>(&note)); }

sqlite3* newest_connection() { return newest(); }

Vault make_vault() {
  const HandClock clock;
  sim::SimDisk disk(clock, {.cuttable = false});
  sim::SimFiles files(disk);
  std::vector<Vault::Reference> references;
  for (const std::string name : {"first", "second", "mask"}) {
    const Status kept = files.replace("/" + name, name + ": thirty-two characters or so");
    ASSERT(kept.has_value());
    references.push_back({.id = name, .file = "/" + name, .credential = {}});
  }
  Vault vault;
  std::string which;
  const Status loaded = vault.load(files, references, which);
  ASSERT(loaded.has_value());
  return vault;
}

bool is_news(std::string_view finding, const Expected& expected) {
  const auto says = [&](std::string_view text) { return finding.find(text) != finding.npos; };
  return says("is not configured any more") ||
         (expected.salvaged && says(" of an earlier queue: ")) ||
         (expected.small_disk && says("the disk has no space for "));
}

std::uint64_t hash_pages() {
  std::uint64_t hash = 1;
  Rows rows("SELECT data FROM sqlite_dbpage");
  while (rows.next(hash)) hash = hash_of({}, hash ^ sim::hash_of(rows.blob(0)));
  return hash;
}

std::uint64_t hash_rows() {
  std::uint64_t hash = 2;
  Rows tables("SELECT name FROM sqlite_schema WHERE type='table' ORDER BY name");
  while (tables.next(hash)) hash ^= hash_table(std::string(as_text(tables.blob(0))));
  return hash;
}

void execute(const char* sql) {
  ASSERT(sqlite3_exec(newest(), sql, nullptr, nullptr, nullptr) == SQLITE_OK);
}

std::int64_t number(const char* sql) {
  sqlite3_stmt* raw = nullptr;
  ASSERT(sqlite3_prepare_v2(newest(), sql, -1, &raw, nullptr) == SQLITE_OK);
  ASSERT(sqlite3_step(raw) == SQLITE_ROW);
  const std::int64_t value = sqlite3_column_int64(raw, 0);
  sqlite3_finalize(raw);
  return value;
}

}  // namespace pinaflux::crash
