// Timing: gives rows that came with time since a boot their calendar time: when they land, or when an anchor
// of that boot comes later.
//
// Promise    A row with `_anchor` has calendar time by that anchor, and no other. What is there already is
//            corrected in steps of kRowsEach rows, each within a transaction: a crash repeats nothing, a
//            restart goes on. No step looks at rows of another lane or stream than those concerned.
// Ownership  The Database must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/collector/timing_test.cc. Tables: README.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collector/anchors.h"
#include "agent/collector/supply.h"
#include "agent/collector/tables.h"
#include "agent/data/identity.h"
#include "agent/data/record.h"
#include "agent/seal/row_json.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"

namespace pinaflux {

class Timing {
 public:
  static constexpr std::int64_t kRowsEach = 8'192;

  // `supply` may be none; all must outlive it.
  static Result<Timing> prepare(sqlite::Database& database, Tables& tables,
                                Supply* supply = nullptr);

  // Of an envelope that is about to land: learns the anchors in it, resolves what it can. `anchors` gets the
  // `_anchor` of each row, 0 for none; it stays empty where no row needs one. `lane` is the ledger's number.
  Status resolve(const RowIdentity& identity, std::int64_t lane, std::span<Row> rows, WallTime now,
                 std::vector<std::int64_t>& anchors);
  // A row that landed with the time `landed` may be the one that has this stamp at the gateway.
  Result<bool> same(std::string_view gateway, Stamp landed, Stamp stamp);
  // That it cannot be, although a time that is written stays as it is: no anchor, of now or of before, lies between them.
  Result<bool> differ(std::string_view gateway, Stamp landed, Stamp stamp);
  Status take_hello(std::string_view gateway, const HelloMessage& hello,
                    const Reception& reception);
  // A step of what is to be corrected. True: there is more.
  Result<bool> go_on();
  Result<bool> unfinished();

 private:
  // Rows with the time of one boot, in one table and lane, and others between them.
  struct Stretch {
    std::string gateway, stream;
    std::uint64_t boot = 0;
    std::int64_t lane = 0;
    Range range;
  };

  Timing(Tables& tables, Supply* supply, Anchors anchors)
      : tables_(&tables), supply_(supply), anchors_(std::move(anchors)) {}
  Status learn(std::string_view gateway, std::span<const Row> rows, WallTime now);
  Status due(std::string_view gateway, std::uint64_t boot);
  Status note(const Stretch& stretch);
  Result<std::optional<Stretch>> next_due();
  Status advance(const Stretch& stretch, const Range& done);
  Status conclude(std::string_view gateway, std::uint64_t boot);

  Tables* tables_;
  Supply* supply_;
  Anchors anchors_;
  sqlite::Statement note_, due_, next_, advance_, busy_, forget_;
};

}  // namespace pinaflux
