// A transaction, as PostgreSQL sees it:
//
//   BEGIN; lock and read the lanes of the batch           1 to 3 round trips, whatever its size
//   COPY of each shape                                     2 a shape
//   state that changed, a statement a table; COMMIT        5 or so
//
// When a COPY is refused because of one row, all of it is undone and done again with care: a savepoint for each arrival,
// and where one's rows are refused, for each row.

#include "agent/collector/postgres_home.h"

#include <utility>

namespace pinaflux {

namespace {

constexpr const char* kSession =
    "SET search_path TO pinaflux; SET lock_timeout TO '30s';"
    "SET statement_timeout TO 0; SET idle_in_transaction_session_timeout TO '60s'; SET "
    "bytea_output TO hex;"
    "SET standard_conforming_strings TO on; SET extra_float_digits TO 1;"
    "SET default_transaction_isolation TO 'read committed'; SET client_min_messages TO warning;"
    // A backend whose client is gone is to let go of its locks. PostgreSQL 14 and later.
    "SELECT set_config('client_connection_check_interval','10s',false)"
    " WHERE current_setting('client_connection_check_interval',true) IS NOT NULL;"
    // What a server or a role has turned off would make an acknowledgement a lie.
    "SELECT set_config('synchronous_commit','on',false)"
    " WHERE current_setting('synchronous_commit') IN ('off')";

Status recognise(postgres::Connection& connection);

// Also what an earlier collector's has not yet.
Status make_schema(postgres::Connection& connection) {
  const auto there = connection.ask(
      "SELECT to_regclass('pinaflux.pinaflux_version') IS NOT NULL,"
      "to_regclass('pinaflux.pinaflux_dictionary') IS NOT NULL");
  if (!there) return std::unexpected(there.error());
  if (there->boolean(0, 0)) {
    if (Status s = recognise(connection); !s) return s;
    if (there->boolean(0, 1)) return {};
  }
  std::string sql = "BEGIN; SELECT pg_advisory_xact_lock(1346784069);";
  const auto schema = connection.ask("SELECT to_regnamespace('pinaflux') IS NULL");
  if (!schema) return std::unexpected(schema.error());
  if (schema->boolean(0, 0)) sql += "CREATE SCHEMA IF NOT EXISTS pinaflux;";
  sql += state_tables::make_sql();
  sql += ";";
  sql += PostgresCatalog::tables_sql();
  sql +=
      ";CREATE TABLE IF NOT EXISTS pinaflux_version(version bigint NOT NULL);"
      "INSERT INTO pinaflux_version SELECT " +
      std::to_string(PostgresHome::kVersion) +
      " WHERE NOT EXISTS (SELECT 1 FROM pinaflux_version); COMMIT";
  Status made = connection.execute(sql);
  if (!made && !connection.lost()) (void)connection.execute("ROLLBACK");
  return made;
}

Status recognise(postgres::Connection& connection) {
  const auto there = connection.ask("SELECT to_regclass('pinaflux.pinaflux_version') IS NOT NULL");
  if (!there) return std::unexpected(there.error());
  if (!there->boolean(0, 0)) {
    return fail(Code::invalid, "no collector has written to this database");
  }
  const auto version = connection.ask("SELECT max(version) FROM pinaflux_version");
  if (!version) return std::unexpected(version.error());
  if (version->integer(0, 0) > PostgresHome::kVersion) {
    return fail(Code::newer, "this database was written by a newer collector: run that one");
  }
  return {};
}

// A server that is away, and not one that refuses.
bool is_away(Code code) { return code == Code::io || code == Code::busy || code == Code::full; }

}  // namespace

Result<std::unique_ptr<postgres::Connection>> PostgresHome::connect(const std::string& address,
                                                                    bool make, std::string& why) {
  auto connection = postgres::Connection::open(address, why);
  if (!connection) return connection;
  Status ready = (*connection)->execute(kSession);
  if (ready && make) ready = make_schema(**connection);
  if (ready) ready = recognise(**connection);
  if (ready) return connection;
  why = (*connection)->why();
  return std::unexpected(ready.error());
}

Result<std::unique_ptr<PostgresHome>> PostgresHome::open(const Options& options,
                                                         std::vector<std::string>& findings) {
  std::unique_ptr<PostgresHome> home(new PostgresHome(options));
  auto copy = WorkingCopy::make(options.collector);
  if (!copy) return std::unexpected(copy.error());
  home->copy_ = std::move(*copy);
  home->connection_.reset();
  auto connection = connect(options.address, true, home->why_);
  if (!connection && !is_away(connection.error().code)) {
    findings.push_back(home->why_);
    return std::unexpected(connection.error());
  }
  if (connection) {
    const auto fsync = (*connection)->ask("SHOW fsync");
    if (fsync && fsync->text(0, 0) == "off") {
      findings.emplace_back(
          "the database server does not write through (fsync=off): a power cut there loses what "
          "was "
          "acknowledged; set fsync=on");
    }
  } else {
    findings.push_back("the database cannot be reached yet: " + home->why_);
  }
  return home;
}

// What was read by another connection is read again.
Status PostgresHome::dial() {
  if (connection_ != nullptr && !connection_->lost()) return {};
  tables_.renew();
  copy_->forget();
  connection_.reset();
  auto connection = connect(options_.address, true, why_);
  if (!connection) return std::unexpected(connection.error());
  if (Status s = own_files(**connection); !s) return s;
  if (Status s = copy_->read_files(**connection); !s) return s;
  connection_ = std::move(*connection);
  ++renewals_;
  return {};
}

// Also an earlier connection of ours whose COMMIT goes on: what it makes of the files is not known before it has ended.
Status PostgresHome::own_files(postgres::Connection& connection) {
  if (!options_.files) return {};
  const auto mine = connection.ask("SELECT pg_try_advisory_lock(hashtextextended($1,1346784070))",
                                   {options_.collector});
  if (!mine) return std::unexpected(mine.error());
  if (mine->boolean(0, 0)) return {};
  return fail(Code::busy,
              "another collector of this name keeps files by this database: give this one another "
              "--client-id");
}

Status PostgresHome::begin(std::span<const LaneKey> lanes) {
  careful_ = std::exchange(retry_, false);
  if (Status s = dial(); !s) return s;
  Status begun = begin_all(lanes);
  if (begun) return begun;
  // The server was started anew since: a connection notices when it is used.
  if (connection_->lost()) {
    if (Status s = dial(); !s) return s;
    begun = begin_all(lanes);
  }
  if (!begun) rollback();
  return begun;
}

Status PostgresHome::begin_all(std::span<const LaneKey> lanes) {
  connection_->forget_error();
  Status begun = connection_->execute(careful_ ? "BEGIN; SET CONSTRAINTS ALL IMMEDIATE" : "BEGIN");
  if (!begun) return begun;
  if (Status s = tables_.begin(*connection_, careful_); !s) return s;
  return copy_->begin(*connection_, lanes);
}

Status PostgresHome::settle() {
  if (Status s = tables_.flush(); !s) return s;
  const auto same = tables_.as_planned();
  if (!same) return std::unexpected(same.error());
  if (!*same) {
    changed_ = true;
    return fail(Code::busy, "another collector changed a table meanwhile");
  }
  if (Status s = copy_->write_back(); !s) return s;
  // Its COMMIT would be answered as if all were well, and be a ROLLBACK.
  if (connection_->in_error()) return fail(Code::io, "the database gave up the transaction");
  return connection_->execute("COMMIT");
}

Status PostgresHome::commit() {
  if (Status s = settle(); !s) return s;
  why_.clear();
  Status kept = copy_->kept();
  if (!kept) connection_.reset();  // What is in memory may differ: all of it is read again.
  return kept;
}

void PostgresHome::rollback() {
  if (connection_ != nullptr) {
    why_ = connection_->why();
    const bool changed = std::exchange(changed_, false);
    retry_ = !careful_ && !connection_->lost() && (changed || connection_->refused_row());
    if (!connection_->lost()) (void)connection_->execute("ROLLBACK");
  }
  tables_.renew();
  copy_->forget();
}

// With care there is a savepoint.
bool PostgresHome::broken() const {
  return connection_ == nullptr || connection_->lost() || (!careful_ && connection_->in_error());
}

Status PostgresHome::one(const char* postgres, const char* memory) {
  if (careful_) {
    if (Status s = connection_->execute(postgres); !s) return s;
  }
  return copy_->state().execute(memory);
}

Status PostgresHome::begin_one() {
  tables_.mark();
  return one("SAVEPOINT one", "SAVEPOINT one");
}

Status PostgresHome::undo_one() {
  tables_.undo();
  if (Status s = one("ROLLBACK TO one", "ROLLBACK TO one"); !s) return s;
  return copy_->undone();
}

Status PostgresHome::end_one() { return one("RELEASE one", "RELEASE one"); }

}  // namespace pinaflux
