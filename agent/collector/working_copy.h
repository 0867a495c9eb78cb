// WorkingCopy: the state that a transaction works on, in memory, of what PostgreSQL keeps for several collectors.
//
// Promise    What a transaction asks for is locked in PostgreSQL and read as it is there, before it is seen here; what
//            the transaction changed here is written back before it commits. So rooms that know SQLite alone (Ledger,
//            Settled, Timing, Anchors, DayFiles) work for both.
// Limits     kLanesMax lanes stay between transactions, as they were; the next one reads again only those that another
//            collector has changed. Anchors, boots, refusals, gateways and what is in dictionaries do not stay.
// Order      begin() -> Supply's -> write_back() -> the owner's COMMIT -> kept(); forget() where it did not commit.
// Ownership  The Connection is given to begin(), and must live until kept() or forget().
// Threads    Storage worker.
// Tests      tests/agent/collector_postgres/
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collector/postgres.h"
#include "agent/collector/state_tables.h"
#include "agent/collector/supply.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"

namespace pinaflux {

class WorkingCopy final : public Supply {
 public:
  static constexpr std::int64_t kLanesMax = 65'536;

  // `collector`: whose files these are.
  static Result<std::unique_ptr<WorkingCopy>> make(std::string collector);
  sqlite::Database& state() { return *memory_; }
  // The rooms have made their tables: from now on what they change is noted.
  Status watch();

  // Locks and reads the lanes.
  Status begin(postgres::Connection& connection, std::span<const LaneKey> lanes);
  Status write_back();
  // State was rolled back to a savepoint: what was brought since is to be brought again.
  Status undone();
  Status kept();
  // All of it: it will be read again.
  void forget();
  // What is recorded of this collector's files.
  Status read_files(postgres::Connection& connection);

  Status bring_lane(const LaneKey& key) override;
  Status make_lane(const LaneKey& key) override;
  Status bring_boot(std::string_view gateway, std::uint64_t boot) override;
  Status bring_due() override;
  Result<bool> was_refused(const Digest& payload) override;
  Result<Buffer> dictionary(std::int64_t lane, std::string_view id) override;
  Result<std::int64_t> anchor_number() override;
  Result<Gaps> gaps() override;

 private:
  explicit WorkingCopy(std::string collector) : collector_(std::move(collector)) {}
  Status prepare();
  Status bring_lanes(std::span<const LaneKey> keys);
  Status take_lanes(const postgres::Answer& locked);
  Status drop_lane(std::int64_t lane);
  Status drop_unknown(std::span<const LaneKey> keys);
  Status read(const StateTable& table, const char* where, std::string_view value);
  Status read_dictionaries(std::string_view lanes);
  Status load(const StateTable& table, const postgres::Answer& rows);
  Result<bool> boot_due();
  Status write_lanes();
  Status write(const StateTable& table);
  Status write_rejects();
  Status write_files();

  const std::string collector_;
  std::unique_ptr<sqlite::Database> memory_;
  postgres::Connection* connection_ = nullptr;
  std::set<std::string> asked_;  // Lanes and boots of this transaction.
  std::uint64_t transactions_ = 0;
  Gaps gaps_;        // As of some transactions ago.
  bool due_ = true;  // There may be rows to correct.
};

}  // namespace pinaflux
