// A lane in three places:
//
//   PostgreSQL   pinaflux_lane(..., version 41), its ranges and hashes      what is true
//   memory       the same rows, and pinaflux_cached(lane, version 41)       what this collector saw last
//   memory       changed_pinaflux_range(lane, first), by triggers           what the transaction did
//
// begin() locks the row of every lane that the batch names, in one statement and in the order of their numbers, so that
// two collectors wait for each other and do not embrace. Only where `version` is another than here are ranges and hashes
// read. write_back() sends what changed, a statement a table, whatever the number of envelopes.

#include "agent/collector/working_copy.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/collector/day_files.h"
#include "agent/collector/state.h"

namespace pinaflux {

using postgres::Array;
using namespace state_tables;

namespace {

// Read anew by each transaction that needs them.
const std::array kPassing{"pinaflux_gateway", "pinaflux_anchor", "pinaflux_boot",
                          "pinaflux_reject"};
const std::array kOfLanes{"pinaflux_lane",  "pinaflux_range", "pinaflux_envelope",
                          "pinaflux_doubt", "pinaflux_gap",   "pinaflux_dictionary",
                          "pinaflux_cached"};
constexpr std::uint64_t kGapsEach = 64;
constexpr std::uint64_t kDueEach = 256;  // Transactions; another collector may have left something.

std::string boot_key(std::string_view gateway, std::string_view boot) {
  return "boot\n" + std::string(gateway) + "\n" + std::string(boot);
}

std::string lane_key(const LaneKey& key) {
  return "lane\n" + key.gateway + '\n' + hex(key.epoch) + key.lane;
}

}  // namespace

Result<std::unique_ptr<WorkingCopy>> WorkingCopy::make(std::string collector) {
  std::unique_ptr<WorkingCopy> copy(new WorkingCopy(std::move(collector)));
  auto memory = sqlite::Database::open({.path = ":memory:", .page_bytes = 4096});
  if (!memory) return std::unexpected(memory.error());
  copy->memory_ = std::move(*memory);
  if (Status s = DayFiles::make_table(*copy->memory_); !s) return std::unexpected(s.error());
  return copy;
}

// A replaced row does not count as deleted: its key is the same. No OR IGNORE here: a trigger's statements resolve
// conflicts as the one that fired it does.
Status WorkingCopy::watch() {
  std::string sql =
      "CREATE TABLE loading(now INTEGER); INSERT INTO loading VALUES(0);"
      "CREATE TABLE pinaflux_cached(lane INTEGER PRIMARY KEY, version INTEGER NOT NULL);"
      "CREATE INDEX pinaflux_dictionary_here ON pinaflux_dictionary(lane)"
      " WHERE content IS NOT NULL;";
  for (const StateTable* table : kWatched) {
    const std::string changed = std::string("changed_") + table->name;
    const std::string keys = join(*table, 0, table->keys, "");
    sql += "CREATE TABLE " + changed + "(" + keys + ", PRIMARY KEY(" + keys + ")) WITHOUT ROWID;";
    for (const auto& [event, row] :
         {std::pair{"INSERT", "NEW."}, std::pair{"UPDATE", "NEW."}, std::pair{"DELETE", "OLD."}}) {
      sql += "CREATE TRIGGER " + changed + event + " AFTER " + event + " ON " + table->name +
             " WHEN (SELECT now FROM loading)=0 BEGIN DELETE FROM " + changed + " WHERE " +
             equal_keys(*table, "", row) + "; INSERT INTO " + changed + " VALUES(" +
             join(*table, 0, table->keys, row) + "); END;";
    }
  }
  return memory_->execute(sql.c_str());
}

namespace {

// What is read from PostgreSQL is no change.
class Loading {
 public:
  explicit Loading(sqlite::Database& memory) : memory_(memory) {
    status = memory_.execute("UPDATE loading SET now=1");
  }
  ~Loading() { (void)memory_.execute("UPDATE loading SET now=0"); }
  Loading(const Loading&) = delete;
  Loading& operator=(const Loading&) = delete;

  Status status;

 private:
  sqlite::Database& memory_;
};

}  // namespace

Status WorkingCopy::begin(postgres::Connection& connection, std::span<const LaneKey> lanes) {
  connection_ = &connection;
  asked_.clear();
  if (++transactions_ % kDueEach == 0) due_ = true;
  if (Status s = memory_->begin(); !s) return s;
  return bring_lanes(lanes);
}

Status WorkingCopy::bring_lane(const LaneKey& key) { return bring_lanes({&key, 1}); }

Status WorkingCopy::bring_lanes(std::span<const LaneKey> keys) {
  Array gateways, epochs, lanes;
  std::vector<LaneKey> fresh;
  for (const LaneKey& key : keys) {
    if (!asked_.insert(lane_key(key)).second) continue;
    gateways.add(std::string_view(key.gateway));
    epochs.add(std::string_view(hex(key.epoch)));
    lanes.add(std::string_view(key.lane));
    fresh.push_back(key);
  }
  if (fresh.empty()) return {};
  const auto locked = connection_->ask(
      "SELECT l.id,l.gateway,l.epoch,l.lane,high,floor,last,chain,redelivered,forks,doubted,version"
      " FROM pinaflux_lane l WHERE (gateway,epoch,lane) IN"
      " (SELECT * FROM unnest($1::text[],$2::text[],$3::text[])) ORDER BY id FOR UPDATE",
      {gateways.text(), epochs.text(), lanes.text()});
  if (!locked) return std::unexpected(locked.error());
  const Loading loading(*memory_);
  if (!loading.status) return loading.status;
  if (static_cast<std::size_t>(locked->rows()) < fresh.size()) {
    if (Status s = drop_unknown(fresh); !s) return s;
  }
  return take_lanes(*locked);
}

// It may have been known, and be gone: another database was put in its place.
Status WorkingCopy::drop_unknown(std::span<const LaneKey> keys) {
  auto find =
      memory_->prepare("SELECT id FROM pinaflux_lane WHERE gateway=? AND epoch=? AND lane=?");
  if (!find) return std::unexpected(find.error());
  for (const LaneKey& key : keys) {
    const std::string epoch = hex(key.epoch);
    std::int64_t id = 0;
    {
      const sqlite::Reading reading(*find);
      find->bind(1, std::string_view(key.gateway));
      find->bind(2, std::string_view(epoch));
      find->bind(3, std::string_view(key.lane));
      const auto row = find->step();
      if (!row) return std::unexpected(row.error());
      if (!*row) continue;
      id = find->integer(0);
    }
    if (Status s = drop_lane(id); !s) return s;
  }
  return {};
}

Status WorkingCopy::drop_lane(std::int64_t lane) {
  for (const char* table : kOfLanes) {
    const std::string sql = std::string("DELETE FROM ") + table + " WHERE " +
                            (std::string_view(table) == "pinaflux_lane" ? "id=" : "lane=") +
                            std::to_string(lane);
    if (Status s = memory_->execute(sql.c_str()); !s) return s;
  }
  return {};
}

// Those that are not here as they are there are read.
Status WorkingCopy::take_lanes(const postgres::Answer& locked) {
  auto cached = memory_->prepare("SELECT version FROM pinaflux_cached WHERE lane=?");
  if (!cached) return std::unexpected(cached.error());
  auto put = memory_->prepare(
      "INSERT INTO pinaflux_lane(id,gateway,epoch,lane,high,floor,last,chain,redelivered,forks)"
      " VALUES(?,?,?,?,?,?,?,?,?,?)");
  if (!put) return std::unexpected(put.error());
  Array stale;
  for (int row = 0; row < locked.rows(); ++row) {
    const std::int64_t id = locked.integer(row, 0), version = locked.integer(row, 11);
    {
      const sqlite::Reading reading(*cached);
      cached->bind(1, id);
      const auto known = cached->step();
      if (!known) return std::unexpected(known.error());
      if (*known && cached->integer(0) == version) continue;
    }
    if (Status s = drop_lane(id); !s) return s;
    stale.add(id);
    put->bind(1, id);
    for (int column = 1; column < 4; ++column) put->bind(column + 1, locked.text(row, column));
    for (int column : {4, 5, 6, 8, 9}) put->bind(column + 1, locked.integer(row, column));
    Digest chain{};
    const bool linked = !locked.is_null(row, 7) && unhex(locked.text(row, 7).substr(2), chain);
    if (linked) {
      put->bind(8, Bytes(chain));
    } else {
      put->bind_null(8);
    }
    if (Status s = put->run(); !s) return s;
    const std::string numbers = "(" + std::to_string(id);
    std::string sql =
        "INSERT INTO pinaflux_cached VALUES" + numbers + "," + std::to_string(version) + ");";
    if (locked.boolean(row, 10)) sql += "INSERT INTO pinaflux_doubt VALUES" + numbers + ");";
    if (Status s = memory_->execute(sql.c_str()); !s) return s;
  }
  if (stale.empty()) return {};
  if (Status s = read(kGaps, "lane=ANY($1::bigint[])", stale.text()); !s) return s;
  if (Status s = read(kRanges, "lane=ANY($1::bigint[])", stale.text()); !s) return s;
  if (Status s = read_dictionaries(stale.text()); !s) return s;
  return read(kEnvelopes, "lane=ANY($1::bigint[])", stale.text());
}

// That they are there: 64 KiB a lane would be too much for all that stay.
Status WorkingCopy::read_dictionaries(std::string_view lanes) {
  const auto rows = connection_->ask(
      "SELECT lane,id,number,NULL FROM pinaflux_dictionary WHERE lane=ANY($1::bigint[])", {lanes});
  return rows ? load(kDictionaries, *rows) : std::unexpected(rows.error());
}

Result<Buffer> WorkingCopy::dictionary(std::int64_t lane, std::string_view id) {
  const auto there =
      connection_->ask("SELECT content FROM pinaflux_dictionary WHERE lane=$1 AND id=$2",
                       {std::to_string(lane), id});
  if (!there) return std::unexpected(there.error());
  if (there->rows() == 0) return Buffer();
  const std::string_view digits = there->text(0, 0).substr(2);
  Buffer content(digits.size() / 2);
  if (!unhex(digits, content)) return fail(Code::corrupt, "a dictionary in the database is none");
  return content;
}

Status WorkingCopy::read(const StateTable& table, const char* where, std::string_view value) {
  const std::string sql = "SELECT " + join(table, 0, table.columns.size(), "") + " FROM " +
                          table.name + " WHERE " + where;
  const auto rows = connection_->ask(sql, {value});
  return rows ? load(table, *rows) : std::unexpected(rows.error());
}

Status WorkingCopy::load(const StateTable& table, const postgres::Answer& rows) {
  const auto columns = static_cast<int>(table.columns.size());
  std::string sql = std::string("INSERT OR REPLACE INTO ") + table.name + "(" +
                    join(table, 0, table.columns.size(), "") + ") VALUES(?";
  for (int i = 1; i < columns; ++i) sql += ",?";
  auto put = memory_->prepare((sql + ")").c_str());
  if (!put) return std::unexpected(put.error());
  for (int row = 0; row < rows.rows(); ++row) {
    std::array<Digest, 2> blobs;
    std::size_t blob = 0;
    for (int column = 0; column < columns; ++column) {
      const char type = table.columns[static_cast<std::size_t>(column)].type;
      if (rows.is_null(row, column)) {
        put->bind_null(column + 1);
      } else if (type == 'i') {
        put->bind(column + 1, rows.integer(row, column));
      } else if (type == 't') {
        put->bind(column + 1, rows.text(row, column));
      } else {
        if (!unhex(rows.text(row, column).substr(2), blobs[blob])) {
          return fail(Code::corrupt, "a hash in the database is none");
        }
        put->bind(column + 1, Bytes(blobs[blob++]));
      }
    }
    if (Status s = put->run(); !s) return s;
  }
  return {};
}

// Another collector may make it at the same time: then it is there, and read.
Status WorkingCopy::make_lane(const LaneKey& key) {
  const std::string epoch = hex(key.epoch);
  const auto number = connection_->ask("SELECT nextval('pinaflux_lane_id')");
  if (!number) return std::unexpected(number.error());
  if (number->integer(0, 0) > Ledger::kLanesMax) {
    return fail(Code::invalid, "too many lanes: this database knows all that it can");
  }
  const auto made = connection_->ask(
      "INSERT INTO pinaflux_lane VALUES($4,$1,$2,$3,0,1,0,NULL,0,0,false,1) ON CONFLICT DO NOTHING",
      {key.gateway, epoch, key.lane, number->text(0, 0)});
  if (!made) return std::unexpected(made.error());
  asked_.erase(lane_key(key));
  return bring_lane(key);
}

Status WorkingCopy::bring_boot(std::string_view gateway, std::uint64_t boot) {
  const std::string name = boot_name(boot);
  const std::string key = boot_key(gateway, name);
  if (!asked_.insert(key).second) return {};
  const auto locked =
      connection_->ask("SELECT pg_advisory_xact_lock(hashtextextended($1,1346784067))", {key});
  if (!locked) return std::unexpected(locked.error());
  const Loading loading(*memory_);
  if (!loading.status) return loading.status;
  for (const StateTable* table : {&kAnchors, &kBoots}) {
    const std::string sql = "SELECT " + join(*table, 0, table->columns.size(), "") + " FROM " +
                            table->name + " WHERE gateway=$1 AND boot=$2";
    const auto rows = connection_->ask(sql, {gateway, name});
    if (!rows) return std::unexpected(rows.error());
    if (Status s = load(*table, *rows); !s) return s;
  }
  return {};
}

Result<bool> WorkingCopy::boot_due() {
  const auto due =
      memory_->integer("SELECT EXISTS(SELECT 1 FROM pinaflux_boot WHERE todo IS NOT NULL)");
  if (!due) return std::unexpected(due.error());
  return *due != 0;
}

// Where another collector is at it, it is left to that one.
Status WorkingCopy::bring_due() {
  if (!due_) return {};
  const auto here = boot_due();
  if (!here) return std::unexpected(here.error());
  if (*here) return {};
  const auto due = connection_->ask(
      "SELECT DISTINCT gateway,boot FROM pinaflux_boot WHERE todo IS NOT NULL LIMIT 8");
  if (!due) return std::unexpected(due.error());
  due_ = due->rows() > 0;
  for (int row = 0; row < due->rows(); ++row) {
    const std::string key = boot_key(due->text(row, 0), due->text(row, 1));
    if (asked_.contains(key)) continue;
    const auto locked = connection_->ask(
        "SELECT pg_try_advisory_xact_lock(hashtextextended($1,1346784067))", {key});
    if (!locked) return std::unexpected(locked.error());
    if (!locked->boolean(0, 0)) continue;
    return bring_boot(due->text(row, 0), parse_boot(due->text(row, 1)).value_or(0));
  }
  return {};
}

Result<bool> WorkingCopy::was_refused(const Digest& payload) {
  const std::string hash = hex(payload);
  auto here = memory_->prepare(
      "SELECT 1 FROM pinaflux_reject WHERE sha256=? AND reason NOT IN ('fork','dictionary')");
  if (!here) return std::unexpected(here.error());
  here->bind(1, std::string_view(hash));
  const auto row = here->step();
  if (!row || *row) return row;
  const auto there = connection_->ask(
      "SELECT 1 FROM pinaflux_reject WHERE sha256=$1 AND reason NOT IN ('fork','dictionary') LIMIT "
      "1",
      {hash});
  if (!there) return std::unexpected(there.error());
  return there->rows() > 0;
}

// Counted each kGapsEach transactions: it reads all of them.
Result<Gaps> WorkingCopy::gaps() {
  if (transactions_ % kGapsEach != 1) return gaps_;
  const auto row = connection_->ask("SELECT count(*),coalesce(min(since),0) FROM pinaflux_gap");
  if (!row) return std::unexpected(row.error());
  gaps_ = {static_cast<std::uint64_t>(row->integer(0, 0)), WallTime{row->integer(0, 1)}};
  return gaps_;
}

Result<std::int64_t> WorkingCopy::anchor_number() {
  const auto number = connection_->ask("SELECT nextval('pinaflux_anchor_id')");
  if (!number) return std::unexpected(number.error());
  return number->integer(0, 0);
}

Status WorkingCopy::kept() {
  connection_ = nullptr;
  if (Status s = memory_->commit(); !s) return s;
  const Loading loading(*memory_);
  if (!loading.status) return loading.status;
  for (const char* table : kPassing) {
    if (Status s = memory_->execute((std::string("DELETE FROM ") + table).c_str()); !s) return s;
  }
  Status emptied =
      memory_->execute("UPDATE pinaflux_dictionary SET content=NULL WHERE content IS NOT NULL");
  if (!emptied) return emptied;
  const auto lanes = memory_->integer("SELECT count(*) FROM pinaflux_lane");
  if (!lanes) return std::unexpected(lanes.error());
  if (*lanes <= kLanesMax) return {};
  for (const char* table : kOfLanes) {
    if (Status s = memory_->execute((std::string("DELETE FROM ") + table).c_str()); !s) return s;
  }
  return {};
}

void WorkingCopy::forget() {
  connection_ = nullptr;
  memory_->rollback();
  const Loading loading(*memory_);
  for (const char* table : kPassing) {
    (void)memory_->execute((std::string("DELETE FROM ") + table).c_str());
  }
  for (const char* table : kOfLanes) {
    (void)memory_->execute((std::string("DELETE FROM ") + table).c_str());
  }
  for (const StateTable* table : kWatched) {
    (void)memory_->execute((std::string("DELETE FROM changed_") + table->name).c_str());
  }
}

Status WorkingCopy::read_files(postgres::Connection& connection) {
  const auto rows =
      connection.ask("SELECT path,bytes FROM pinaflux_file WHERE collector=$1", {collector_});
  if (!rows) return std::unexpected(rows.error());
  const Loading loading(*memory_);
  if (!loading.status) return loading.status;
  if (Status s = memory_->execute("DELETE FROM pinaflux_file"); !s) return s;
  return load(kFiles, *rows);
}

}  // namespace pinaflux
