// Refused bytes: what a source could not read, with what it takes to read it again, on its way to a dead letter.
//
// Promise    Packed bytes are raw, not masked: whoever holds them in memory wipes them (KeptBytes does), and they
//            reach the disk in cipher text only.
// Limits     limits::kRefusedBytesMax of bytes: the rest is cut.
// Ownership  An opened RefusedBytes views what it was opened from.
// Threads    Values; any.
// Tests      tests/agent/data/refused_test.cc
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "agent/data/record.h"
#include "platform/base/bytes.h"

namespace pinaflux {

struct RefusedBytes {
  std::uint8_t format = 0;  // As the source counts its formats.
  std::int64_t ns_per_tick = 1;
  Stamp arrival;
  std::string_view stream;
  Bytes bytes;

  // The bytes come last, so that what is packed may be cut anywhere behind the rest of it.
  Buffer pack() const;
  static std::optional<RefusedBytes> open(Bytes packed);
};

// Of the refusal at this place. Overwritten when it goes.
struct KeptBytes {
  KeptBytes(std::size_t place, Buffer&& bytes) : refusal(place), packed(std::move(bytes)) {}
  ~KeptBytes() { wipe(packed); }
  KeptBytes(KeptBytes&& other) noexcept = default;
  KeptBytes& operator=(KeptBytes&& other) noexcept {
    refusal = other.refusal;
    packed.swap(other.packed);
    return *this;
  }
  KeptBytes(const KeptBytes&) = delete;
  KeptBytes& operator=(const KeptBytes&) = delete;

  std::size_t refusal = 0;
  Buffer packed;
};

}  // namespace pinaflux
