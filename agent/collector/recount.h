// Recount: what a collector's database holds, for verify: the state, and the rows that are really there.
//
// Promise    All of it as it is at one moment. Changes nothing.
// Order      lanes(), then for each lane in the order of its number ranges(), away() and seqs(), then strays().
// Threads    The caller's; blocks.
// Tests      tests/agent/collector/verify_test.cc, tests/agent/collector_postgres/
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collector/settled.h"
#include "agent/collector/verify.h"
#include "platform/base/result.h"
#include "platform/files.h"

namespace pinaflux {

// Of the column `day` of a query by kDayOfRow.
inline Day day_of(std::int64_t column) { return column < 0 ? Day() : Day(column); }

class Recount {
 public:
  static constexpr const char* kDayOfRow =
      "CASE WHEN _boot IS NULL THEN _time/86400000000000 ELSE -1 END";

  virtual ~Recount() = default;

  virtual Status gateways(const std::function<void(GatewayReport&&)>& take) = 0;
  // Lanes with a gap, and since when.
  virtual Status gaps(const std::function<void(std::int64_t lane, WallTime since)>& take) = 0;
  virtual Status lanes(const std::function<void(std::int64_t id, LaneReport&&)>& take) = 0;
  virtual Status ranges(std::int64_t lane, const std::function<void(Stretch&&)>& take) = 0;
  // Of all rows of the lane, in order, with the day of their time; one that is there twice comes twice. Rows whose columns
  // say another lane or seq than their key are strays.
  virtual Status seqs(std::int64_t lane, const LaneReport& report,
                      const std::function<void(std::uint64_t seq, Day day)>& take) = 0;
  // Rows of the lane are in files that are not there any more: what landed together with them.
  virtual Result<std::vector<Range>> away(std::int64_t lane) {
    (void)lane;
    return std::vector<Range>();
  }
  // What was seen of such files, once lanes were looked at.
  virtual void tell_files(VerifyReport& report) const { (void)report; }
  // The file that an error was about; empty: the database.
  virtual std::string unreadable() const { return {}; }
  virtual Status strays(
      const std::function<void(std::string_view gateway, std::string_view epoch,
                               std::string_view lane, std::uint64_t seq)>& take) = 0;
};

// Errors: not_found, denied, invalid (not a collector's database), newer, corrupt, io, busy. `files`: for rows that lie
// in files alone; without it, asking for them is invalid. `by_day`: their days are told.
Result<std::unique_ptr<Recount>> recount_sqlite(const std::string& path, const char* vfs,
                                                Files* files = nullptr, bool by_day = false);
// `why`: the server's words.
Result<std::unique_ptr<Recount>> recount_postgres(const std::string& address, std::string& why);

}  // namespace pinaflux
