#include "agent/collector/sqlite_quarantine.h"

#include "agent/data/anchor.h"

namespace pinaflux {

namespace {

constexpr const char* kMake =
    "CREATE TABLE IF NOT EXISTS pinaflux_quarantine(_id INTEGER PRIMARY KEY,"
    " _gateway TEXT NOT NULL, _epoch TEXT NOT NULL, _lane TEXT NOT NULL, _seq INTEGER NOT NULL,"
    " _time INTEGER NOT NULL, _boot TEXT, _anchor INTEGER, _stream TEXT NOT NULL,"
    " _reason TEXT NOT NULL, _record TEXT NOT NULL)";

}  // namespace

Result<SqliteQuarantine> SqliteQuarantine::prepare(sqlite::Database& database) {
  if (Status s = database.execute(kMake); !s) return std::unexpected(s.error());
  SqliteQuarantine quarantine;
  quarantine.take_ =
      database.prepare_later("INSERT INTO pinaflux_quarantine VALUES(?,?,?,?,?,?,?,?,?,?,?)");
  quarantine.find_ = database.prepare_later(
      "SELECT _time,_boot FROM pinaflux_quarantine WHERE _id=? AND _stream=? AND _record=?");
  return quarantine;
}

Status SqliteQuarantine::take(std::int64_t key, const RowIdentity& identity, std::uint64_t seq,
                              const Row& row, std::int64_t anchor, std::string_view reason) {
  const std::string boot = row.time.boot == 0 ? std::string() : boot_name(row.time.boot);
  const std::string record = json_fields(row);
  take_.bind(1, key);
  take_.bind(2, identity.gateway);
  take_.bind(3, identity.epoch);
  take_.bind(4, identity.lane);
  take_.bind(5, static_cast<std::int64_t>(seq));
  take_.bind(6, row.time.ns);
  row.time.boot == 0 ? take_.bind_null(7) : take_.bind(7, std::string_view(boot));
  anchor == 0 ? take_.bind_null(8) : take_.bind(8, anchor);
  take_.bind(9, row.shape->stream());
  take_.bind(10, reason);
  take_.bind(11, std::string_view(record));
  return take_.run();
}

Result<std::optional<Stamp>> SqliteQuarantine::holds(std::int64_t key, const Row& row) {
  const std::string record = json_fields(row);
  const sqlite::Reading reading(find_);
  find_.bind(1, key);
  find_.bind(2, row.shape->stream());
  find_.bind(3, std::string_view(record));
  const Result<bool> there = find_.step();
  if (!there) return std::unexpected(there.error());
  if (!*there) return std::nullopt;
  const auto boot = find_.is_null(1) ? std::uint64_t{0} : parse_boot(find_.text(1)).value_or(0);
  return Stamp{find_.integer(0), boot};
}

}  // namespace pinaflux
