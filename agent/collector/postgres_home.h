// PostgresHome: rows and state in a schema of a PostgreSQL database, which several collectors share.
//
// Promise    That of Home. Two collectors that land records of the same lane at the same time wait for each other: state
//            is locked lane by lane for the length of a transaction, so each record lands once, whoever it came to. A
//            server that is away is found again by begin(); whether a commit that it did not answer took place
//            is read from the database.
// Limits     One connection. A transaction that waits kLockPatience for another collector's is given up, and tried again.
// Threads    Storage worker.
// Tests      tests/agent/collector_postgres/
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/collector/home.h"
#include "agent/collector/postgres.h"
#include "agent/collector/postgres_tables.h"
#include "agent/collector/working_copy.h"

namespace pinaflux {

class PostgresHome final : public Home {
 public:
  static constexpr const char* kSchema = "pinaflux";
  static constexpr std::int64_t kVersion = 1;
  static constexpr const char* kLockPatience = "30s";

  struct Options {
    std::string address;    // postgresql://...
    std::string collector;  // Its name: whose files are recorded.
    bool files = false;     // It keeps some: nobody else of that name may.
  };

  // A server that cannot be reached now is a finding; begin() tries again. Errors: invalid (no address, or
  // another program's schema), denied, not_found, newer.
  static Result<std::unique_ptr<PostgresHome>> open(const Options& options,
                                                    std::vector<std::string>& findings);
  // A connection that reads and writes the schema of collectors; `make`: it is made if missing.
  static Result<std::unique_ptr<postgres::Connection>> connect(const std::string& address,
                                                               bool make, std::string& why);

  sqlite::Database& state() override { return copy_->state(); }
  Supply* supply() override { return copy_.get(); }
  Tables& tables() override { return tables_; }
  Status prepared() override { return copy_->watch(); }
  Status begin(std::span<const LaneKey> lanes) override;
  Status commit() override;
  void rollback() override;
  Status begin_one() override;
  Status undo_one() override;
  Status end_one() override;
  bool broken() const override;
  bool again() override { return retry_; }
  std::uint64_t renewals() const override { return renewals_; }
  std::uint64_t take_quarantined() override { return tables_.take_quarantined(); }
  std::string trouble() const override { return why_; }

 private:
  explicit PostgresHome(Options options)
      : options_(std::move(options)), tables_([this] { return copy_->write_back(); }) {}
  Status dial();
  Status own_files(postgres::Connection& connection);
  Status begin_all(std::span<const LaneKey> lanes);
  Status settle();
  Status one(const char* postgres, const char* memory);

  const Options options_;
  std::unique_ptr<postgres::Connection> connection_;
  std::unique_ptr<WorkingCopy> copy_;
  PostgresTables tables_;
  bool careful_ = false;  // This transaction.
  bool retry_ =
      false;  // The last one failed by one of its rows, or by tables that changed meanwhile.
  bool changed_ = false;
  std::uint64_t renewals_ = 0;
  std::string why_;
};

}  // namespace pinaflux
