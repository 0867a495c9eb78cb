// Anchor: one moment on both clocks of a gateway: so long after this boot the calendar showed that.
//
// Promise    resolve() changes a stamp of the anchor's boot into calendar time, and nothing else.
// Record     An anchor travels as a record of the stream kAnchorStream: boot (16 hex digits),
//            monotonic_ns, wall_ns, uncertainty_ns. No source can make one.
// Threads    Values and pure functions; any.
// Tests      tests/agent/data/anchor_test.cc
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/data/record.h"
#include "platform/base/arena.h"
#include "platform/base/time.h"

namespace pinaflux {

// A source's streams begin with its name, and no source may have this one.
inline constexpr std::string_view kOwnSource = "pinaflux";
inline constexpr std::string_view kAnchorStream = "pinaflux/anchor";
inline constexpr std::array<std::string_view, 4> kAnchorFields = {"boot", "monotonic_ns", "wall_ns",
                                                                  "uncertainty_ns"};

struct Anchor {
  // No clock passes it: 146 years. Within it a sum of two does not overflow.
  static constexpr std::int64_t kNsMax = std::int64_t{1} << 62;

  std::uint64_t boot = 0;  // Clock::boot(), never 0.
  Instant monotonic;
  WallTime wall;
  Duration
      uncertainty;  // At this moment. Away from it what the gateway's oscillator drifts adds to it.

  // Both moments are within [0, kNsMax).
  bool sane() const;
  // Of a sane one: from time since the boot to calendar time.
  Duration offset() const { return {wall.ns - monotonic.ns}; }
  Stamp resolve(Stamp stamp) const;
  friend bool operator==(const Anchor&, const Anchor&) = default;
};

// 16 hex digits.
std::string boot_name(std::uint64_t boot);
// Nothing: these are not 16 hex digits, or all of them 0.
std::optional<std::uint64_t> parse_boot(std::string_view name);

// The anchor as a row whose values are in `arena`. Nothing: the arena is full.
std::optional<Row> anchor_row(const Anchor& anchor, const Shape& shape, Arena& arena);
// Nothing: the row is no anchor, or none that a clock gave.
std::optional<Anchor> read_anchor(const Row& row);

}  // namespace pinaflux
