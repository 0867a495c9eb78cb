// The schema of version 1; what version 2 adds is in encryption.cc. All tables are made in one transaction together with user_version, so a file
// either has no tables or has all of them: a power cut while making it leaves a file that is made again.

#include "agent/spool/schema.h"

#include <algorithm>

#include "agent/spool/letters.h"

namespace pinaflux::schema {

namespace {

constexpr const char* kTables = R"(
  CREATE TABLE meta(key TEXT PRIMARY KEY NOT NULL, value) WITHOUT ROWID;
  CREATE TABLE lanes(id INTEGER PRIMARY KEY, gateway TEXT NOT NULL, name TEXT NOT NULL,
    epoch BLOB NOT NULL, next_seq INTEGER NOT NULL, acked INTEGER NOT NULL, shed INTEGER NOT NULL,
    chain BLOB NOT NULL);
  CREATE TABLE queue(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, count INTEGER NOT NULL,
    time_first INTEGER NOT NULL, time_last INTEGER NOT NULL, boot INTEGER NOT NULL,
    age INTEGER NOT NULL, hash BLOB, previous BLOB, loss INTEGER, body BLOB);
  CREATE TABLE cursors(source TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY(source, key)) WITHOUT ROWID;
  CREATE TABLE states(key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE dead_letters(id INTEGER PRIMARY KEY, time INTEGER NOT NULL, boot INTEGER NOT NULL,
    source TEXT NOT NULL, reason TEXT NOT NULL, bytes INTEGER NOT NULL, hash INTEGER NOT NULL,
    position INTEGER NOT NULL, count INTEGER NOT NULL, node TEXT, key INTEGER, content BLOB,
    lane TEXT, form INTEGER, peer TEXT);
)";

// What files had not before dead letters had contents. An agent from before that goes on with a file that has
// it: it names the columns that it writes, and reads none behind them.
constexpr const char* kContents = R"(
  ALTER TABLE dead_letters ADD COLUMN node TEXT;
  ALTER TABLE dead_letters ADD COLUMN key INTEGER;
  ALTER TABLE dead_letters ADD COLUMN content BLOB;
)";
// And before they had forms.
constexpr const char* kForms = R"(
  ALTER TABLE dead_letters ADD COLUMN lane TEXT;
  ALTER TABLE dead_letters ADD COLUMN form INTEGER;
)";
constexpr const char* kPeers = "ALTER TABLE dead_letters ADD COLUMN peer TEXT";

Status put(sqlite::Statement& insert, std::string_view key, auto value) {
  insert.bind(1, key);
  insert.bind(2, value);
  return insert.run();
}

Status write_meta(sqlite::Database& database, const std::string& gateway, WallTime now,
                  Entropy& entropy) {
  Result<sqlite::Statement> insert = database.prepare("INSERT INTO meta VALUES(?,?)");
  if (!insert) return std::unexpected(insert.error());
  Epoch epoch{};
  entropy.fill(epoch);
  if (Status s = put(*insert, "epoch", Bytes(epoch)); !s) return s;
  if (Status s = put(*insert, "gateway", std::string_view(gateway)); !s) return s;
  return put(*insert, "created", now.ns / 1'000'000'000);
}

Status make(sqlite::Database& database, const std::string& gateway, WallTime now,
            Entropy& entropy) {
  const std::string marks = "PRAGMA application_id=" + std::to_string(kApplicationId) +
                            ";PRAGMA user_version=" + std::to_string(kVersion);
  if (Status s = database.begin(); !s) return s;
  Status s = database.execute(kTables);
  if (s) s = write_meta(database, gateway, now, entropy);
  if (s) s = database.execute(marks.c_str());
  if (s) s = database.commit();
  if (!s) database.rollback();
  return s;
}

Status extend(sqlite::Database& database) {
  const auto columns = Letters::columns(database);
  if (!columns) return std::unexpected(columns.error());
  if (*columns == Letters::Columns::all) return {};
  if (Status s = database.begin(); !s) return s;
  using Columns = Letters::Columns;
  Status done = *columns == Columns::first ? database.execute(kContents) : Status();
  if (done && *columns != Columns::forms) done = database.execute(kForms);
  if (done) done = database.execute(kPeers);
  if (done) done = database.commit();
  if (!done) database.rollback();
  return done;
}

Result<std::uint64_t> counter(const sqlite::Statement& row, int column) {
  const std::int64_t value = row.integer(column);
  if (value < 0) return fail(Code::corrupt, "a lane counts below zero");
  return static_cast<std::uint64_t>(value);
}

Result<Lane> lane_of(const sqlite::Statement& row, Encryption& encryption) {
  Lane lane;
  lane.id = row.integer(0);
  lane.gateway = row.text(1);
  lane.name = row.text(2);
  const Bytes epoch = row.blob(3);
  const Result<Digest> chain = encryption.open_chain(lane.id, row.blob(7));
  if (!chain) return std::unexpected(chain.error());
  const auto next_seq = counter(row, 4), acked = counter(row, 5), shed = counter(row, 6);
  if (!next_seq || !acked || !shed || *next_seq <= *acked || epoch.size() != lane.epoch.size()) {
    return fail(Code::corrupt, "a lane of the spool is damaged");
  }
  std::ranges::copy(epoch, lane.epoch.begin());
  lane.at.chain = *chain;
  lane.at.next_seq = *next_seq;
  lane.at.acked = *acked;
  lane.at.shed = *shed;
  return lane;
}

}  // namespace

Result<bool> recognise(sqlite::Database& database) {
  const Result<sqlite::FileMarks> marks = database.marks();
  if (!marks) return std::unexpected(marks.error());
  if (marks->empty()) return false;
  if (marks->owner != kApplicationId) {
    return fail(Code::invalid, "spool.db is another program's database: move it away");
  }
  if (marks->version > kVersionDictionaries) {
    return fail(Code::newer, "spool.db was written by a newer version: run that one");
  }
  return true;
}

std::int64_t version_for(const Entry& entry) {
  if (entry.split || entry.loss == Loss::undeliverable) return kVersionSplit;
  if (entry.every > 1 || entry.loss == Loss::thinned) return kVersionThinned;
  return has_landed(entry) ? kVersionUnordered : kVersion;
}

std::int64_t version_for(const LaneOptions& lane) {
  if (lane.when_full == LaneOptions::WhenFull::thin) return kVersionThinned;
  return lane.order != LaneOptions::Order::oldest ? kVersionUnordered : kVersion;
}

Status raise_version(sqlite::Database& database, std::int64_t to) {
  const Result<std::int64_t> version = database.integer("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  if (*version >= to) return {};
  return database.execute(("PRAGMA user_version=" + std::to_string(to)).c_str());
}

Status lower_version(sqlite::Database& database, std::int64_t from, std::int64_t to) {
  const Result<std::int64_t> version = database.integer("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  if (*version != from) return {};
  return database.execute(("PRAGMA user_version=" + std::to_string(to)).c_str());
}

Status prepare(sqlite::Database& database, bool made, const std::string& gateway, WallTime now,
               Entropy& entropy) {
  if (Status s = database.make_durable(); !s) return s;
  return made ? extend(database) : make(database, gateway, now, entropy);
}

Status check(sqlite::Database& database) {
  const Result<bool> made = recognise(database);
  if (!made) return std::unexpected(made.error());
  return *made ? Status() : fail(Code::not_found, "there is no spool: spool.db is empty");
}

Result<std::string> gateway(sqlite::Database& database) {
  Result<sqlite::Statement> select = database.prepare("SELECT value FROM meta WHERE key='gateway'");
  if (!select) return std::unexpected(select.error());
  const Result<bool> row = select->step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return fail(Code::corrupt, "the spool's gateway is damaged");
  return std::string(select->text(0));
}

Result<Epoch> epoch(sqlite::Database& database) {
  Result<sqlite::Statement> select = database.prepare("SELECT value FROM meta WHERE key='epoch'");
  if (!select) return std::unexpected(select.error());
  const Result<bool> row = select->step();
  if (!row) return std::unexpected(row.error());
  Epoch epoch{};
  if (!*row || select->blob(0).size() != epoch.size()) {
    return fail(Code::corrupt, "the spool's epoch is damaged");
  }
  std::ranges::copy(select->blob(0), epoch.begin());
  return epoch;
}

Status renew_epoch(sqlite::Database& database, Entropy& entropy) {
  Result<sqlite::Statement> update = database.prepare("UPDATE meta SET value=? WHERE key='epoch'");
  if (!update) return std::unexpected(update.error());
  Epoch epoch{};
  entropy.fill(epoch);
  update->bind(1, Bytes(epoch));
  return update->run();
}

Result<std::vector<Lane>> lanes(sqlite::Database& database, Encryption& encryption) {
  Result<sqlite::Statement> select = database.prepare(
      "SELECT id,gateway,name,epoch,next_seq,acked,shed,chain FROM lanes ORDER BY id");
  if (!select) return std::unexpected(select.error());
  std::vector<Lane> lanes;
  for (;;) {
    const Result<bool> row = select->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return lanes;
    Result<Lane> lane = lane_of(*select, encryption);
    if (!lane) return std::unexpected(lane.error());
    lanes.push_back(std::move(*lane));
  }
}

sqlite::Statement prepare_save(const sqlite::Database& database) {
  return database.prepare_later(
      "UPDATE lanes SET next_seq=?2,acked=?3,shed=?4,chain=?5 WHERE id=?1");
}

Result<Lane> add_lane(sqlite::Database& database, const std::string& gateway,
                      const std::string& name, const Epoch& epoch) {
  Result<sqlite::Statement> insert = database.prepare(
      "INSERT INTO lanes(gateway,name,epoch,next_seq,acked,shed,chain) VALUES(?,?,?,1,0,0,?)");
  if (!insert) return std::unexpected(insert.error());
  insert->bind(1, std::string_view(gateway));
  insert->bind(2, std::string_view(name));
  insert->bind(3, Bytes(epoch));
  insert->bind(4, Bytes(kNoDigest));
  if (Status s = insert->run(); !s) return std::unexpected(s.error());
  const Result<std::int64_t> id = database.integer("SELECT last_insert_rowid()");
  if (!id) return std::unexpected(id.error());
  Lane lane;
  lane.id = *id;
  lane.gateway = gateway;
  lane.name = name;
  lane.epoch = epoch;
  return lane;
}

}  // namespace pinaflux::schema
