// SqliteQuarantine: rows that their table did not take, with the reason, in pinaflux_quarantine.
//
// Promise    A row is there once, under the key that it would have had in its table.
// Ownership  The Database must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/collector/quarantine_test.cc
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/data/record.h"
#include "agent/seal/row_json.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"

namespace pinaflux {

class SqliteQuarantine {
 public:
  static constexpr const char* kTable = "pinaflux_quarantine";

  static Result<SqliteQuarantine> prepare(sqlite::Database& database);

  // `anchor`: that gave it its time; 0: none.
  Status take(std::int64_t key, const RowIdentity& identity, std::uint64_t seq, const Row& row,
              std::int64_t anchor, std::string_view reason);
  // The time of the row that has this key, if it holds the same values.
  Result<std::optional<Stamp>> holds(std::int64_t key, const Row& row);

 private:
  SqliteQuarantine() = default;

  sqlite::Statement take_, find_;
};

}  // namespace pinaflux
