// Lease: an envelope that the spool lends to the uplink, and the wish that asks for it.
//
// Ownership  A Lease owns its bytes. Losing it costs a resend, never a record.
// Threads    Values; handed over whole.
#pragma once

#include <array>
#include <cstdint>

#include "agent/data/identity.h"
#include "agent/data/limits.h"

namespace pinaflux {

// For each lane: how many more envelopes the uplink has a place for.
struct LeaseWish {
  std::array<std::uint16_t, limits::kLanesMax> envelopes{};
};

struct Lease {
  LaneIndex lane = 0;
  Epoch epoch{};
  Range range;
  Digest hash{};
  Buffer bytes;  // The whole envelope.
};

}  // namespace pinaflux
