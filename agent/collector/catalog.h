// Catalog: which table holds which stream, and which column holds which field.
//
// Promise    Two streams never share a table and two fields never share a column, although SQLite takes
//            names that differ only in case for the same. A name, once given, stays.
// Limits     kTablesMax streams have a table of their own, the rest share pinaflux_overflow; a table has
//            kColumnsMax columns for fields, the rest of a record's fields go to `_more` as JSON.
// Ownership  The Database must outlive it. forget() after every rollback: it remembers what it made.
// Threads    Storage worker.
// Tests      tests/agent/collector/sqlite_sink_test.cc
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "agent/spool/sqlite.h"
#include "platform/base/result.h"

namespace pinaflux {

struct Table {
  std::int64_t id = 0;  // 0: the overflow, which has no columns for fields.
  std::string name;
  std::unordered_map<std::string, std::string> columns;  // By field.
  std::set<std::string> taken;                           // Column names, lower case.
};

class Catalog {
 public:
  static constexpr std::size_t kTablesMax = 4'096;
  static constexpr std::size_t kColumnsMax = 1'500;  // SQLite's own limit is 2,000.
  static constexpr const char* kOverflow = "pinaflux_overflow";

  static Result<Catalog> prepare(sqlite::Database& database);

  // The stream's table, with columns for these fields as far as they fit: made or widened as needed.
  Result<const Table*> table(std::string_view stream, std::span<const std::string> fields);
  // The same, if it is there: nothing is made. Null: no record of the stream has landed.
  Result<const Table*> existing(std::string_view stream);
  void forget();

  // A name between double quotes, as SQL wants it.
  static std::string quoted(std::string_view name);

 private:
  explicit Catalog(sqlite::Database& database) : database_(&database) {}
  Result<Table*> find(std::string_view stream);
  Result<Table*> make(std::string_view stream, std::span<const std::string> fields);
  Result<std::string> free_table_name(std::string_view stream);
  Result<bool> name_taken(std::string_view name);
  Status add_column(Table& table, const std::string& field);
  Result<std::string> note_column(Table& table, const std::string& field);
  Status add_anchor(Table& table);
  Status move_field(Table& table, const std::string& column);
  Result<Table*> overflow();

  sqlite::Database* database_;
  sqlite::Statement find_, columns_, make_, taken_, count_, add_column_, rename_column_;
  std::unordered_map<std::string, std::unique_ptr<Table>> tables_;  // By stream.
  std::unique_ptr<Table> overflow_;
};

}  // namespace pinaflux
