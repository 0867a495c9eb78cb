// Truth: what a workload knows to be so, whatever the disk says: how many records each lane has been
// given, what the far end has of them, and the notes that commit with them.
//
// Threads    Values; any.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "agent/data/identity.h"
#include "agent/spool/spool.h"

namespace pinaflux::crash {

struct LaneTruth {
  std::uint64_t next_seq = 1;  // Of the next record to be committed.
  std::uint64_t landed = 0;  // The far end has everything up to here, or was told that it is lost.
  Digest chain{};            // Of the far end, there.
  // What came to the far end before what stands before it: by first seq the last one, and the chain there.
  std::map<std::uint64_t, std::pair<std::uint64_t, Digest>> above;
  bool may_lose = false;  // It evicts, expires, or was given what fits into no envelope.
  bool damaged = false;   // Bytes of the file that held it were spoiled.
};

struct Truth {
  std::map<std::string, LaneTruth> lanes;                                 // By lane_key().
  using Cursors = std::map<std::pair<std::string, std::string>, Buffer>;  // By source and key.
  Cursors cursors;
  std::map<std::string, Buffer> states;
  std::uint64_t letters = 0;
  bool salvaged = false;  // Some lanes came out of a damaged file.
};

// What follows on what has landed, and has landed too, up to `end` (not included), is no longer above it.
void absorb(std::uint64_t& landed, Digest& chain,
            const std::map<std::uint64_t, std::pair<std::uint64_t, Digest>>& above,
            std::uint64_t end);

std::string lane_key(const LaneState& lane);

// Bytes that no compression makes smaller, by name and number.
void fill_noise(std::string_view name, std::uint64_t number, MutableBytes noise);

std::uint64_t hash_of(Bytes bytes, std::uint64_t seed = 0);

}  // namespace pinaflux::crash
