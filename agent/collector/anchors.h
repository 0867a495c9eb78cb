// Anchors: when the boots of gateways began: by their own word, or by the moment that their hello came.
//
// Origins    gateway: its clock was trusted in that boot. hello: it was not; the collector's clock and the time
//            that the hello took stand for it. A gateway's own takes the place of every other, its first stays.
// Promise    An anchor that rows refer to never changes: a better one is another row, and the earlier is marked.
// Ownership  The Database must outlive it.
// Threads    Storage worker.
// Tests      tests/agent/collector/anchors_test.cc. Tables: README.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/collector/supply.h"
#include "agent/data/anchor.h"
#include "agent/seal/messages.h"
#include "agent/spool/sqlite.h"
#include "platform/base/result.h"

namespace pinaflux {

// When something came, by the collector's clock.
struct Reception {
  WallTime at;
  bool synchronised = false;  // The clock, by its kernel.
};

struct KnownAnchor {
  std::int64_t id = 0;
  Anchor anchor;
  bool own = false;                    // Of the gateway itself.
  std::optional<Duration> round_trip;  // Of a hello, once its way was measured.
  bool synchronised = false;           // The clock that `wall` is of.
};

class Anchors {
 public:
  // A hello's way there and back that is not worth to be measured better.
  static constexpr Duration kWayGood = Duration::milliseconds(200);
  // A clock that has drifted so far from its anchor gets another one for what comes.
  static constexpr Duration kDriftMax = Duration::milliseconds(500);

  // `supply` may be none, and must outlive it.
  static Result<Anchors> prepare(sqlite::Database& database, Supply* supply = nullptr);

  // That counts for what lands now.
  Result<std::optional<KnownAnchor>> current(std::string_view gateway, std::uint64_t boot);
  // True: what has the time of this boot, or of an earlier anchor of it, is to get that of current().
  Result<bool> take_own(std::string_view gateway, const Anchor& anchor, WallTime now);
  Result<bool> take_hello(std::string_view gateway, const HelloMessage& hello,
                          const Reception& reception);
  // That an anchor of this boot makes this calendar time of that stamp.
  Result<bool> gave(std::string_view gateway, Stamp stamp, WallTime time);
  // That it has any.
  Result<bool> some(std::string_view gateway);
  // No row refers to what was replaced any more.
  Status drop_replaced(std::string_view gateway, std::uint64_t boot);

 private:
  explicit Anchors(Supply* supply) : supply_(supply) {}
  Result<bool> consider(std::string_view gateway, const KnownAnchor& found, WallTime now);
  Status replace_all(std::string_view gateway, std::uint64_t boot);
  Status put(std::string_view gateway, const KnownAnchor& anchor, WallTime now);

  Supply* supply_;
  sqlite::Statement current_, put_, replace_, drop_, gave_, some_;
};

}  // namespace pinaflux
