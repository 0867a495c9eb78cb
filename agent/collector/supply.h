// Supply: brings into the state's database what several collectors share, before it is looked for there.
//
// Promise    What was brought is the newest, and nobody else changes it until the transaction ends. Asked for again in
//            the same transaction it costs nothing.
// Use        A collector whose state is all in its own file has none.
// Threads    Storage worker.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/data/identity.h"
#include "platform/base/bytes.h"
#include "platform/base/result.h"
#include "platform/base/time.h"

namespace pinaflux {

struct LaneKey {
  std::string gateway;
  Epoch epoch{};
  std::string lane;
};

struct Gaps {
  std::uint64_t lanes = 0;
  WallTime oldest;  // Where there is one.
};

class Supply {
 public:
  virtual ~Supply() = default;

  // The lane, if it is known, with its ranges and hashes, and the ids of its dictionaries.
  virtual Status bring_lane(const LaneKey& key) = 0;
  // One that is not known: makes it. Code::invalid: there are too many.
  virtual Status make_lane(const LaneKey& key) = 0;
  // The anchors of a boot, and where its rows lie.
  virtual Status bring_boot(std::string_view gateway, std::uint64_t boot) = 0;
  // Some boot whose rows are to be corrected, unless another collector is at it.
  virtual Status bring_due() = 0;
  virtual Result<bool> was_refused(const Digest& payload) = 0;
  // The content of a dictionary of a lane that was brought; empty: it is gone.
  virtual Result<Buffer> dictionary(std::int64_t lane, std::string_view id) = 0;
  // What Ledger::gaps() is of all lanes.
  virtual Result<Gaps> gaps() = 0;
  // Of a new anchor.
  virtual Result<std::int64_t> anchor_number() = 0;
};

}  // namespace pinaflux
