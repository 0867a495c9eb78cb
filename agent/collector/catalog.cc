// Names, by example:
//
//   stream "boiler/1"       table "boiler/1"          names are quoted, so nearly every text is a name
//   stream "BOILER/1"       table "BOILER/1_2"        SQLite would take it for the first
//   stream "sqlite_x"       table "stream_sqlite_x"   reserved; so are names that begin with pinaflux_
//   fields "t", "T", "_seq" columns "t", "T_2", "_seq_2"
//
// What cannot stand in an identifier (NUL, bytes that are not UTF-8) becomes '?'.
//
// A row's key `_id` is lane << 40 | seq: unique for every record that ever lands, so SQLite itself
// refuses a second landing, and the rows of a lane lie together. It costs nothing: it is the rowid. (Rows
// of 10 fields, one core: 870,000 rows/s; with a UNIQUE index on gateway, epoch, lane and seq 430,000.)

#include "agent/collector/catalog.h"

#include <algorithm>
#include <utility>

#include "agent/collector/names.h"
#include "platform/base/assert.h"

namespace pinaflux {

namespace {

constexpr const char* kTables =
    "CREATE TABLE IF NOT EXISTS pinaflux_stream(id INTEGER PRIMARY KEY, stream TEXT NOT NULL "
    "UNIQUE,"
    " name TEXT NOT NULL UNIQUE COLLATE NOCASE);"
    "CREATE TABLE IF NOT EXISTS pinaflux_column(stream INTEGER NOT NULL, field TEXT NOT NULL,"
    " name TEXT NOT NULL, PRIMARY KEY(stream, field)) WITHOUT ROWID";

constexpr const char* kOurColumns =
    "(_id INTEGER PRIMARY KEY, _gateway TEXT NOT NULL, _epoch TEXT NOT NULL, _lane TEXT NOT NULL,"
    " _seq INTEGER NOT NULL, _time INTEGER NOT NULL, _boot TEXT,"
    " _anchor INTEGER, _more TEXT";

}  // namespace

std::string Catalog::quoted(std::string_view name) {
  std::string text = "\"";
  for (char c : name) {
    if (c == '"') text += '"';
    text += c;
  }
  return text + "\"";
}

Result<Catalog> Catalog::prepare(sqlite::Database& database) {
  if (Status s = database.execute(kTables); !s) return std::unexpected(s.error());
  Catalog catalog(database);
  const std::pair<sqlite::Statement*, const char*> all[] = {
      {&catalog.find_, "SELECT id,name FROM pinaflux_stream WHERE stream=?"},
      {&catalog.columns_, "SELECT field,name FROM pinaflux_column WHERE stream=?"},
      {&catalog.make_, "INSERT INTO pinaflux_stream(stream,name) VALUES(?,?)"},
      {&catalog.taken_, "SELECT 1 FROM sqlite_schema WHERE name=? COLLATE NOCASE"},
      {&catalog.count_, "SELECT count(*) FROM pinaflux_stream"},
      {&catalog.add_column_, "INSERT INTO pinaflux_column VALUES(?,?,?)"},
      {&catalog.rename_column_, "UPDATE pinaflux_column SET name=? WHERE stream=? AND field=?"},
  };
  if (Status s = database.prepare_all(all); !s) return std::unexpected(s.error());
  return catalog;
}

void Catalog::forget() {
  tables_.clear();
  overflow_.reset();
}

Result<const Table*> Catalog::table(std::string_view stream, std::span<const std::string> fields) {
  const auto known = tables_.find(std::string(stream));
  Result<Table*> found = known != tables_.end() ? known->second.get() : find(stream);
  if (found && *found == nullptr) found = make(stream, fields);
  if (!found) return std::unexpected(found.error());
  Table& table = **found;
  if (table.id == 0) return &table;
  for (const std::string& field : fields) {
    if (table.columns.size() >= kColumnsMax) break;
    if (table.columns.contains(field)) continue;
    if (Status s = add_column(table, field); !s) return std::unexpected(s.error());
  }
  return &table;
}

Result<const Table*> Catalog::existing(std::string_view stream) {
  const auto known = tables_.find(std::string(stream));
  if (known != tables_.end()) return known->second.get();
  const Result<Table*> found = find(stream);
  if (!found || *found != nullptr) return found;
  const Result<bool> shared = name_taken(kOverflow);
  if (!shared) return std::unexpected(shared.error());
  return *shared ? overflow() : Result<Table*>(nullptr);
}

Result<Table*> Catalog::find(std::string_view stream) {
  auto table = std::make_unique<Table>();
  {
    const sqlite::Reading reading(find_);
    find_.bind(1, stream);
    const Result<bool> row = find_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return nullptr;
    table->id = find_.integer(0);
    table->name = find_.text(1);
  }
  const sqlite::Reading reading(columns_);
  columns_.bind(1, table->id);
  for (;;) {
    const Result<bool> row = columns_.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    table->columns.emplace(columns_.text(0), columns_.text(1));
    table->taken.insert(names::lower(columns_.text(1)));
  }
  if (Status s = add_anchor(*table); !s) return std::unexpected(s.error());
  return (tables_[std::string(stream)] = std::move(table)).get();
}

// With its columns: to add one later, SQLite reads the whole schema again.
Result<Table*> Catalog::make(std::string_view stream, std::span<const std::string> fields) {
  {
    const sqlite::Reading reading(count_);
    const Result<bool> row = count_.step();
    if (!row) return std::unexpected(row.error());
    if (static_cast<std::size_t>(count_.integer(0)) >= kTablesMax) return overflow();
  }
  const Result<std::string> name = free_table_name(stream);
  if (!name) return std::unexpected(name.error());
  make_.bind(1, stream);
  make_.bind(2, std::string_view(*name));
  if (Status s = make_.run(); !s) return std::unexpected(s.error());
  const Result<std::int64_t> id = database_->integer("SELECT last_insert_rowid()");
  if (!id) return std::unexpected(id.error());
  Table table{.id = *id, .name = *name};
  std::string sql = "CREATE TABLE " + quoted(*name) + kOurColumns;
  for (const std::string& field : fields) {
    if (table.columns.size() >= kColumnsMax) break;
    if (table.columns.contains(field)) continue;
    const Result<std::string> column = note_column(table, field);
    if (!column) return std::unexpected(column.error());
    sql += ", " + quoted(*column);
  }
  if (Status s = database_->execute((sql + ")").c_str()); !s) return std::unexpected(s.error());
  return find(stream);
}

Result<Table*> Catalog::overflow() {
  const std::string sql =
      std::string("CREATE TABLE IF NOT EXISTS ") + kOverflow + kOurColumns + ", _stream TEXT)";
  if (Status s = database_->execute(sql.c_str()); !s) return std::unexpected(s.error());
  auto table = std::make_unique<Table>();
  table->name = kOverflow;
  if (Status s = add_anchor(*table); !s) return std::unexpected(s.error());
  overflow_ = std::move(table);
  return overflow_.get();
}

// A collector from before time anchors made the table: without the column, or with a field under its name.
Status Catalog::add_anchor(Table& table) {
  const Result<bool> there = database_->has_column(table.name, "_anchor");
  if (!there) return std::unexpected(there.error());
  const bool fields = table.taken.contains("_anchor");
  if (*there && !fields) return {};
  if (fields) {
    if (Status s = move_field(table, "_anchor"); !s) return s;
  }
  return database_->execute(
      ("ALTER TABLE " + quoted(table.name) + " ADD COLUMN _anchor INTEGER").c_str());
}

// The column of that name is a field's: it gets another name.
Status Catalog::move_field(Table& table, const std::string& column) {
  const auto field = std::ranges::find_if(
      table.columns, [&](const auto& entry) { return names::lower(entry.second) == column; });
  ASSERT(field != table.columns.end());
  const std::string name = names::column(table.taken, field->first);
  const std::string sql = "ALTER TABLE " + quoted(table.name) + " RENAME COLUMN " +
                          quoted(field->second) + " TO " + quoted(name);
  if (Status s = database_->execute(sql.c_str()); !s) return s;
  rename_column_.bind(1, std::string_view(name));
  rename_column_.bind(2, table.id);
  rename_column_.bind(3, std::string_view(field->first));
  if (Status s = rename_column_.run(); !s) return s;
  table.taken.erase(column);
  table.taken.insert(names::lower(name));
  field->second = name;
  return {};
}

Result<std::string> Catalog::free_table_name(std::string_view stream) {
  const std::string name = names::table(stream);
  for (int number = 1;; ++number) {
    std::string candidate = names::numbered(name, number, std::string::npos);
    const Result<bool> taken = name_taken(candidate);
    if (!taken) return std::unexpected(taken.error());
    if (!*taken) return candidate;
  }
}

Result<bool> Catalog::name_taken(std::string_view name) {
  const sqlite::Reading reading(taken_);
  taken_.bind(1, name);
  return taken_.step();
}

Status Catalog::add_column(Table& table, const std::string& field) {
  const Result<std::string> name = note_column(table, field);
  if (!name) return std::unexpected(name.error());
  const std::string sql = "ALTER TABLE " + quoted(table.name) + " ADD COLUMN " + quoted(*name);
  return database_->execute(sql.c_str());
}

// Its name.
Result<std::string> Catalog::note_column(Table& table, const std::string& field) {
  std::string name = names::column(table.taken, field);
  add_column_.bind(1, table.id);
  add_column_.bind(2, std::string_view(field));
  add_column_.bind(3, std::string_view(name));
  if (Status s = add_column_.run(); !s) return std::unexpected(s.error());
  table.columns.emplace(field, name);
  table.taken.insert(names::lower(name));
  return name;
}

}  // namespace pinaflux
