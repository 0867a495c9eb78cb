// SqliteSink: lands rows in tables, one table a stream, inside the transaction of its owner.
//
// Promise    That of Tables. Values land exactly: 64-bit integers, doubles and bytes as they are, an integer beyond int64 as text,
//            a NaN as the text 'NaN', a boolean as 0 or 1, absent as NULL.
// Ownership  The Database must outlive it. forget() after every rollback, and before the Shapes that
//            its rows had are destroyed.
// Threads    Storage worker.
// Tests      tests/agent/collector/sqlite_sink_test.cc
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/collector/catalog.h"
#include "agent/collector/sqlite_quarantine.h"
#include "agent/collector/tables.h"
#include "agent/data/record.h"
#include "agent/seal/row_json.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"

namespace pinaflux {

class SqliteSink final : public Tables {
 public:
  static Result<SqliteSink> prepare(sqlite::Database& database);

  Status land(std::int64_t lane, const RowIdentity& identity, std::span<const Row> rows,
              std::span<const std::int64_t> anchors = {}) override;
  Result<std::optional<Stamp>> landed_like(std::int64_t lane, std::uint64_t seq,
                                           const Row& row) override;
  Result<std::uint64_t> nth_seq(const std::string& stream, std::int64_t lane, const Range& range,
                                std::int64_t count) override;
  Status retime(const Retiming& retiming) override;
  void forget() override;
  // Rows that are in quarantine since the last prepare(), or since what this was set back to.
  std::uint64_t quarantined() const { return quarantined_; }
  void quarantined(std::uint64_t count) { quarantined_ = count; }

 private:
  static constexpr std::size_t kPlansMax = 1'024;

  // Where the values of one shape go.
  struct Layout {
    std::vector<int> places;  // By field: of the parameter, 0 where it goes to `_more`.
    bool overflow = false;    // The stream has no table of its own.
    bool has_more = false;
  };
  struct Key {
    std::int64_t id;
    std::uint64_t seq;
    std::int64_t anchor;  // 0: none.
  };
  struct Plan {
    sqlite::Statement insert;
    Layout layout;
    std::uint64_t landing = 0;  // The land() that has bound the identity.
  };
  // Finds a row that is there just as it would be inserted.
  struct Search {
    sqlite::Statement find;
    Layout layout;
    std::size_t columns = 0;  // Of the table, that it knows.
  };

  SqliteSink(sqlite::Database& database, Catalog catalog, SqliteQuarantine quarantine)
      : database_(&database), catalog_(std::move(catalog)), quarantine_(std::move(quarantine)) {}
  Result<Plan*> plan_for(const Shape& shape);
  Result<Plan*> keep_plan(const Shape& shape);
  Result<std::unique_ptr<Plan>> plan(const Shape& shape);
  static Layout layout_of(const Shape& shape, const Table& table);
  Result<Search*> search_for(const Shape& shape);
  Result<Search> search(const Shape& shape, const Table& table);
  // Quoted; empty: none was made, its rows lie in files alone.
  Result<std::string> table_of(const std::string& stream);
  void bind_identity(Plan& plan, const RowIdentity& identity, const Shape& shape);
  Status insert(Plan& plan, std::int64_t id, std::uint64_t seq, const Row& row);
  Status set_aside(const Key& key, const RowIdentity& identity, const Row& row,
                   std::string_view reason);
  Result<bool> is_there(std::int64_t id, const Row& row);
  Status retime_in(const std::string& table, const Retiming& to);
  void bind_values(const Layout& layout, sqlite::Statement& to, const Row& row);
  void bind_anchor(sqlite::Statement& to, std::int64_t anchor);
  void bind_time(sqlite::Statement& to, Stamp time);
  void bind(sqlite::Statement& to, int place, const Value& value);

  sqlite::Database* database_;
  Catalog catalog_;
  SqliteQuarantine quarantine_;
  std::uint64_t quarantined_ = 0;
  std::map<const Shape*, std::string> refused_;  // Of this land(): without a table, and why.
  std::vector<std::unique_ptr<Plan>> plans_;     // By Shape::id().
  std::size_t plan_count_ = 0;
  std::map<const Shape*, Search> searches_;
  std::uint64_t landing_ = 0;
  std::string boot_, more_;
  std::vector<std::string> numbers_;  // Texts of integers beyond int64, until the row is in.
};

}  // namespace pinaflux
