// Lease: an envelope that the spool lends to the uplink, and the wish that asks for it.
//
// Ownership  A Lease owns its bytes. Losing it costs a resend, never a record.
// Threads    Values; handed over whole.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agent/data/anchor.h"
#include "agent/data/identity.h"
#include "agent/data/limits.h"

namespace pinaflux {

// A dictionary as it is sent to whoever opens envelopes that were packed with it.
struct SentDictionary {
  std::string id;
  Buffer message;  // Of seal/dictionary_message.h.
};

// For each lane: how many more envelopes the uplink has a place for.
struct LeaseWish {
  std::array<std::uint16_t, limits::kLanesMax> envelopes{};
  // Another number than in the last wish: what was leased to the lane before is lost, and leased again.
  std::array<std::uint32_t, limits::kLanesMax> round{};
  // What is sealed already has the places. Otherwise lanes that send the newest first seal now what came in.
  std::array<bool, limits::kLanesMax> sealed_only{};
  // Of an envelope that is sealed from now on; 0: as many as one may have.
  std::array<std::uint32_t, limits::kLanesMax> bytes_max{};
  std::size_t envelope_bytes_max(std::size_t lane) const {
    return bytes_max[lane] == 0 ? limits::kEnvelopeBytesMax : bytes_max[lane];
  }
  // The far end keeps dictionaries; and the id of the lane's own, if it has that: small envelopes may be packed with it.
  std::array<bool, limits::kLanesMax> takes_dictionaries{};
  std::array<std::string, limits::kLanesMax> dictionary{};
  // Once the clock is trusted: what is sealed from now on with a stamp of its boot gets calendar time.
  std::optional<Anchor> anchor = {};
};

struct Lease {
  LaneIndex lane = 0;
  Epoch epoch{};
  Range range;
  Digest hash{};
  std::uint64_t records = 0;                              // That it holds.
  Buffer bytes;                                           // The whole envelope.
  std::uint32_t round = 0;                                // Of the wish that it answers.
  std::shared_ptr<const SentDictionary> dictionary = {};  // That it was packed with; null: none.
};

}  // namespace pinaflux
