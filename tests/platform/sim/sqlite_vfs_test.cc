#include <set>

#include <sqlite3.h>

#include "tests/platform/sim/disk_kit.h"

namespace pinaflux::sim {

namespace {

struct DatabaseFixture : DiskFixture {
  sqlite3* database = nullptr;

  ~DatabaseFixture() { close(); }

  void close() {
    sqlite3_close(database);
    database = nullptr;
  }
  void make(const SimDisk::Options& options) {
    close();
    DiskFixture::make(options);
  }
  int try_open(const char* pragmas) {
    close();
    constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    const int code = sqlite3_open_v2("/d/db", &database, kFlags, files->sqlite_vfs());
    return code == SQLITE_OK ? run(pragmas) : code;
  }
  void open(const char* pragmas) { REQUIRE(try_open(pragmas) == SQLITE_OK); }
  int run(const char* sql) { return sqlite3_exec(database, sql, nullptr, nullptr, nullptr); }
  std::string value(const char* sql, sqlite3* of = nullptr) {
    std::string found;
    const auto take = [](void* to, int, char** columns, char**) {
      *static_cast<std::string*>(to) = columns[0] == nullptr ? "" : columns[0];
      return 0;
    };
    char* error = nullptr;
    if (sqlite3_exec(of == nullptr ? database : of, sql, take, &found, &error) != SQLITE_OK) {
      found = error;
      sqlite3_free(error);
    }
    return found;
  }
  void reboot(Survival survival) {
    disk->cut_power(survival);
    close();
    disk->power_on();
  }
};

constexpr const char* kExclusiveWal =
    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL";
constexpr const char* kSharedWal = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL";
// FULL would not do: it leaves the journal's removal, which is the commit, to chance.
constexpr const char* kRollback = "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA";
constexpr const char* kCount = "SELECT count(*) FROM t";

}  // namespace

TEST_CASE_FIXTURE(DatabaseFixture,
                  "a commit with a sync survives every cut, and leaves a sound file") {
  for (const char* pragmas : {kExclusiveWal, kSharedWal, kRollback}) {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
      make({.seed = seed});
      open(pragmas);
      REQUIRE(run("CREATE TABLE t(x); INSERT INTO t VALUES(1)") == SQLITE_OK);
      int committed = 1;
      std::uint64_t changes = 0;
      disk->before_change = [&](const Operation&) {
        if (++changes == 3 + seed) disk->cut_power();
      };
      while (run("INSERT INTO t VALUES(randomblob(600))") == SQLITE_OK) ++committed;
      disk->before_change = nullptr;
      close();
      disk->power_on();

      open(pragmas);

      const int found = std::stoi(value(kCount));
      CHECK(found >= committed);
      CHECK(found <= committed + 1);
      CHECK(value("PRAGMA integrity_check") == "ok");
    }
  }
}

TEST_CASE_FIXTURE(DatabaseFixture, "a commit without syncs is lost") {
  open(
      "PRAGMA journal_mode=WAL; CREATE TABLE t(x); PRAGMA wal_checkpoint(TRUNCATE); PRAGMA "
      "synchronous=OFF");
  REQUIRE(run("INSERT INTO t VALUES(1)") == SQLITE_OK);

  reboot(Survival::none);

  open(kSharedWal);
  CHECK(value(kCount) == "0");
}

TEST_CASE_FIXTURE(DatabaseFixture, "a commit on a disk that lies about syncs is lost") {
  open(
      "PRAGMA journal_mode=WAL; CREATE TABLE t(x); PRAGMA wal_checkpoint(TRUNCATE); PRAGMA "
      "synchronous=FULL");
  disk->set_lying_sync(true);
  REQUIRE(run("INSERT INTO t VALUES(1)") == SQLITE_OK);

  reboot(Survival::none);

  open(kSharedWal);
  CHECK(value(kCount) == "0");
}

TEST_CASE_FIXTURE(DatabaseFixture, "two connections share a database in WAL mode") {
  open(kSharedWal);
  REQUIRE(run("CREATE TABLE t(x)") == SQLITE_OK);
  sqlite3* reader = nullptr;
  REQUIRE(sqlite3_open_v2("/d/db", &reader, SQLITE_OPEN_READONLY, files->sqlite_vfs()) ==
          SQLITE_OK);

  REQUIRE(run("BEGIN; INSERT INTO t VALUES(1)") == SQLITE_OK);
  CHECK(value(kCount, reader) == "0");
  REQUIRE(run("COMMIT") == SQLITE_OK);

  CHECK(value(kCount, reader) == "1");
  sqlite3_close(reader);
}

TEST_CASE_FIXTURE(DatabaseFixture,
                  "an exclusive connection keeps others out, and makes no index file") {
  open(kExclusiveWal);
  REQUIRE(run("CREATE TABLE t(x)") == SQLITE_OK);
  SimFiles other(*disk, 2);
  sqlite3* second = nullptr;
  REQUIRE(sqlite3_open_v2("/d/db", &second, SQLITE_OPEN_READWRITE, other.sqlite_vfs()) ==
          SQLITE_OK);

  CHECK(value(kCount, second) == "database is locked");

  CHECK(files->list("/d") == std::vector<std::string>{"db", "db-wal"});
  sqlite3_close(second);
}

TEST_CASE_FIXTURE(DatabaseFixture, "a full disk and a broken one are told apart") {
  open(kExclusiveWal);
  REQUIRE(run("CREATE TABLE t(x)") == SQLITE_OK);

  disk->set_bytes_max(0);
  CHECK(run("INSERT INTO t VALUES(randomblob(20000))") == SQLITE_FULL);
  disk->set_bytes_max(1 << 20);
  disk->inject({.calls = kSync});
  CHECK(run("INSERT INTO t VALUES(1)") == SQLITE_IOERR);
  disk->inject({.calls = kWrite, .kind = Fault::Kind::memory});
  CHECK(run("INSERT INTO t VALUES(1)") != SQLITE_OK);

  CHECK(run("INSERT INTO t VALUES(1)") == SQLITE_OK);
  CHECK(value("PRAGMA integrity_check") == "ok");
}

TEST_CASE_FIXTURE(DatabaseFixture, "a read-only disk is opened for reading") {
  open(kRollback);
  REQUIRE(run("CREATE TABLE t(x)") == SQLITE_OK);
  disk->set_read_only(true);

  open("");

  CHECK(value(kCount) == "0");
  CHECK(sqlite3_db_readonly(database, "main") == 1);
  CHECK(run("INSERT INTO t VALUES(1)") == SQLITE_READONLY);
}

TEST_CASE_FIXTURE(DatabaseFixture, "time and randomness come from the simulation") {
  std::set<std::string> found;
  for (int i = 0; i < 2; ++i) {
    make({});
    open("");
    found.insert(value("SELECT strftime('%s','now')"));
  }
  CHECK(found == std::set<std::string>{"1700000000"});
}

}  // namespace pinaflux::sim
