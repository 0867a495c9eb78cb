// PostgresCatalog: which table of PostgreSQL holds which stream, and which column of which type holds which field.
//
// Promise    As Catalog's. Tables and columns are made by one collector at a time; one that the database does not allow to
//            be made, or not within kLockPatience, is tried again after kRetryAfter transactions, and fails no transaction.
// Types      The first value of a field that is not null chooses its column's: boolean, bigint, double precision, numeric
//            (integers beyond int64), text, bytea. bigint becomes double precision when numbers with a fraction come, as long
//            as the table is small (kRewriteBytesMax) and no value of it would change.
// Limits     kTablesMax streams have a table of their own; a table has kColumnsMax columns for fields.
// Ownership  forget() after every rollback, also to a savepoint. The Connection is given to each call.
// Threads    Storage worker.
// Tests      tests/agent/collector_postgres/tables_test.cc
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/collector/postgres.h"
#include "agent/data/value.h"
#include "platform/base/result.h"

namespace pinaflux {

enum class ColumnType : std::uint8_t { boolean, bigint, real, numeric, text, bytea, other };

struct PostgresColumn {
  std::string name;
  ColumnType type = ColumnType::other;
};

struct PostgresTable {
  std::int64_t id = 0;  // 0: the overflow, which has no columns for fields.
  std::string name;
  std::unordered_map<std::string, PostgresColumn> columns;  // By field.
  std::set<std::string> taken;                              // Column names, lower case.
  std::uint64_t version = 0;                                // Counts its changes.
};

// A field, and a value that it has.
struct NewField {
  std::string_view name;
  Type type = Type::null;
};

class PostgresCatalog {
 public:
  static constexpr std::int64_t kTablesMax = 4'096;
  // A row of a page: 8 KiB, of which a text that lies elsewhere takes 18 bytes.
  static constexpr std::size_t kColumnsMax = 400;
  static constexpr std::size_t kNameBytesMax = 63;
  static constexpr std::int64_t kRewriteBytesMax = 256 * 1024 * 1024;
  static constexpr const char* kLockPatience = "5s";
  static constexpr std::uint64_t kRetryAfter = 64;
  static constexpr const char* kOverflow = "pinaflux_overflow";
  static constexpr const char* kQuarantine = "pinaflux_quarantine";

  static const char* tables_sql();

  // A transaction has begun.
  Status begin(postgres::Connection& connection);
  // No other collector has changed a table since the transaction after renew() began.
  Result<bool> unchanged();
  void renew() { change_.reset(); }
  // As far as this transaction knows: to be put back after a rollback to a savepoint.
  std::optional<std::int64_t> change() const { return change_; }
  void back_to(std::optional<std::int64_t> change) { change_ = change; }
  // The stream's table, made if missing. Null: it cannot be made; why() says so.
  Result<PostgresTable*> table(std::string_view stream, std::span<const NewField> fields);
  // The same, if it is there. Null: no record of the stream has landed in one.
  Result<PostgresTable*> existing(std::string_view stream);
  // Columns for these fields, as far as they fit and may be made.
  Status widen(PostgresTable& table, std::span<const NewField> fields);
  // A column of whole numbers to one of numbers, if it may be. False: it stays as it is.
  Result<bool> make_real(PostgresTable& table, std::string_view field);
  void forget();
  const std::string& why() const { return why_; }

 private:
  Result<PostgresTable*> find(const std::string& stream);
  Result<PostgresTable*> overflow();
  Status read_columns(PostgresTable& table);
  // Under the lock of all that make tables. False: it is not allowed now.
  Result<bool> alter(const std::string& what, const std::function<Status()>& change);
  Status make(const std::string& stream, std::span<const NewField> fields);
  Result<std::string> free_name(std::string_view stream);
  Status note_column(std::int64_t table, std::string_view field, std::string_view column);
  Status add_columns(PostgresTable& table, std::span<const NewField> fields);
  Status change_to_real(PostgresTable& table, const std::string& column);

  postgres::Connection* connection_ = nullptr;
  std::unordered_map<std::string, std::unique_ptr<PostgresTable>> tables_;  // By stream.
  std::unique_ptr<PostgresTable> overflow_;
  std::map<std::string, std::uint64_t>
      refused_;  // What was not allowed: not before that transaction.
  std::uint64_t transaction_ = 0;
  std::uint64_t versions_ = 0;
  std::optional<std::int64_t> change_;  // The last that is known here, of all collectors.
  std::string why_;
};

}  // namespace pinaflux
