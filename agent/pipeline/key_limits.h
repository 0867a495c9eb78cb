// How many keys a node may remember, so that a commit that writes all of them takes 2 MiB of the disk: the configuration
// says so first. Bytes are at most, names of keys not counted.
//
// Threads    Constants; any.
#pragma once

#include <cstddef>

namespace pinaflux {

inline constexpr std::size_t kKeysBytesMax = 2 << 20;
// A value of a number (band_table.cc), and its name.
inline constexpr std::size_t kBandBytes = 64;

inline constexpr std::size_t kThinKeysMax = kKeysBytesMax / kBandBytes;  // dedupe, sample, limit.

// A door has its slopes, and a record that it holds back.
inline constexpr std::size_t kDoorBytes = 41;
inline constexpr std::size_t kDoorHeldBytesMax = 1'024;
inline constexpr std::size_t kSwingKeysMax =
    kKeysBytesMax / (kBandBytes + kDoorBytes + kDoorHeldBytesMax);
inline constexpr std::size_t kSwingKeysDefault = 1'024;

// Times fields: each has a value and a total.
inline constexpr std::size_t kChangeRateKeysMax = kKeysBytesMax / (kBandBytes + 18);

static_assert(kThinKeysMax == 32'768 && kSwingKeysMax == 1'857 && kChangeRateKeysMax == 25'575);
static_assert(kSwingKeysDefault <= kSwingKeysMax);

}  // namespace pinaflux
