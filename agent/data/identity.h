// Identity: who a record is: (gateway, epoch, lane, seq), and what an envelope covers.
//
// Promise    `seq` counts from 1 without holes within (gateway, epoch, lane); assigned in the commit.
// Threads    Values; any.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "platform/base/bytes.h"

namespace pinaflux {

using LaneIndex = std::uint8_t;               // Position in the configuration; < limits::kLanesMax.
using Epoch = std::array<std::uint8_t, 16>;   // Random; minted with the spool file.
using Digest = std::array<std::uint8_t, 32>;  // SHA-256.

inline constexpr Digest kNoDigest{};

struct Range {
  std::uint64_t first = 0;  // Both ends included; empty when last < first.
  std::uint64_t last = 0;

  std::uint64_t count() const { return last < first ? 0 : last - first + 1; }
  // The seqs of it that `every` divides: what thinning keeps.
  std::uint64_t count_every(std::uint64_t every) const {
    return last < first ? 0 : last / every - (first - 1) / every;
  }
  // The seq of the n-th of them, counted from 0.
  std::uint64_t nth(std::uint64_t n, std::uint64_t every) const {
    return ((first + every - 1) / every + n) * every;
  }
  friend bool operator==(const Range&, const Range&) = default;
};

std::string hex(Bytes bytes);                        // Lower case.
bool unhex(std::string_view text, MutableBytes to);  // Exactly to.size() bytes; false otherwise.

}  // namespace pinaflux
