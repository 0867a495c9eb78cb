// PostgresTables: lands rows in tables of PostgreSQL, by COPY, inside the transaction of its owner.
//
// Promise    That of Tables. Values land exactly: integers, doubles, text and bytes in columns of their types; what a column
//            cannot hold (another type, NUL in a text) lands in `_more`, as JSON. A row that its table does not take at all
//            (a constraint, a trigger, a column whose type somebody changed) lands in pinaflux_quarantine, with the reason.
// Order      land()... -> flush(). With `careful` every envelope is copied by itself, and where that fails row by row.
// Limits     kTextMax bytes wait in memory, and the rows of one envelope.
// Ownership  forget() after every rollback. The Connection is given to begin().
// Threads    Storage worker.
// Tests      tests/agent/collector_postgres/tables_test.cc
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/collector/postgres.h"
#include "agent/collector/postgres_catalog.h"
#include "agent/collector/tables.h"
#include "platform/base/result.h"

namespace pinaflux {

class PostgresTables final : public Tables {
 public:
  static constexpr std::size_t kTextMax = 8 * 1024 * 1024;

  // `settle`: writes the state that is in memory into the database.
  explicit PostgresTables(std::function<Status()> settle) : settle_(std::move(settle)) {}

  Status begin(postgres::Connection& connection, bool careful);
  // After flush(): no table has changed since it was planned for. From now on none can, until the commit.
  Result<bool> as_planned() { return catalog_.unchanged(); }
  // What was landed is in the database. Errors that are a row's own: `exists` and `invalid`.
  Status flush();
  // Before and after what may be undone: what has been landed since waits no more.
  void mark();
  void undo();
  std::uint64_t take_quarantined() { return std::exchange(quarantined_, 0); }

  Status land(std::int64_t lane, const RowIdentity& identity, std::span<const Row> rows,
              std::span<const std::int64_t> anchors = {}) override;
  Result<std::optional<Stamp>> landed_like(std::int64_t lane, std::uint64_t seq,
                                           const Row& row) override;
  Result<std::uint64_t> nth_seq(const std::string& stream, std::int64_t lane, const Range& range,
                                std::int64_t count) override;
  Status retime(const Retiming& retiming) override;
  std::string key_of_stream(std::string_view stream) const override {
    return postgres::storable(stream);
  }
  void forget() override;
  // After the whole transaction was rolled back.
  void renew() {
    forget();
    catalog_.renew();
  }

 private:
  static constexpr std::size_t kPlansMax = 1'024;

  // Where the values of one shape go.
  struct Plan {
    PostgresTable* table = nullptr;
    std::uint64_t version = 0;                   // Of the table.
    std::vector<const PostgresColumn*> columns;  // By field; null where there is none.
    std::string copy;                            // The statement.
  };
  struct Place {
    std::int64_t lane = 0;
    const RowIdentity& identity;
    std::uint64_t seq = 0;
    std::int64_t anchor = 0;
  };

  Result<Plan*> plan_for(const Row& row);
  Result<Plan*> plan(const Row& row);
  Status adapt(Plan& plan, const Row& row);
  void lay_out(Plan& plan, const Shape& shape);
  Status append(const Place& place, const Row& row);
  void append_quarantine(const Place& place, const Row& row, std::string_view reason);
  Status land_with_care(std::int64_t lane, const RowIdentity& identity, std::span<const Row> rows,
                        std::span<const std::int64_t> anchors);
  Status land_row_with_care(const Place& place, const Row& row);
  Result<bool> is_there(const Place& place, const Row& row);
  Status retime_in(const std::string& table, const Retiming& to);
  Result<std::string> table_of(const std::string& stream);
  Result<std::optional<Stamp>> in_quarantine(std::int64_t key, const Row& row);

  std::function<Status()> settle_;
  postgres::Connection* connection_ = nullptr;
  PostgresCatalog catalog_;
  std::vector<std::unique_ptr<Plan>> plans_;  // By Shape::id().
  std::size_t plan_count_ = 0;
  std::map<std::string, std::string> waiting_;  // Lines, by the statement that copies them.
  std::size_t waiting_bytes_ = 0;
  std::map<std::string, std::size_t> marks_;  // Lengths.
  std::optional<std::int64_t> marked_change_;
  bool careful_ = false;
  std::uint64_t quarantined_ = 0;
};

}  // namespace pinaflux
