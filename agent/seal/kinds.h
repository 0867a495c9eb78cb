// Kinds: the numbers of the column format, and the arithmetic that writer and reader must share.
//
// Promise    Numbers are never reused; a reader that meets one it does not know says `newer`.
// Threads    Constants and pure functions; any. Bytes: FORMAT.md.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "agent/data/value.h"

namespace pinaflux::seal {

inline constexpr std::uint8_t kBodyVersion = 1;

// What a column holds: 0 to 7 are the values of Type.
inline constexpr std::uint8_t kKindNumber =
    8;  // int64 where the number is whole, float64 elsewhere.
inline constexpr std::uint8_t kKindMixed = 9;  // A kind for each cell, then each kind's cells.

// How doubles are written.
inline constexpr std::uint8_t kBits64 = 0;
inline constexpr std::uint8_t kBits32 = 1;
inline constexpr std::uint8_t kPrintedFloats = 2;  // printed.h: how, then what was printed.
inline constexpr std::uint8_t kPrintedSteps = 3;   // The same, of doubles that are whole steps.
inline constexpr std::uint8_t kDecimal = 0x20;     // Plus the exponent, 0 to kScaleMax.
inline constexpr int kScaleMax = 22;  // 10^22 is the last power of ten that a double holds.

// How texts are written.
inline constexpr std::uint8_t kTextsPlain = 0;
inline constexpr std::uint8_t kTextsDictionary = 1;

inline constexpr double kWholeMax = 9007199254740992.0;  // 2^53: integers are exact up to here.
inline constexpr std::array<double, kScaleMax + 1> kPower = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

inline std::uint64_t bits_of(double v) { return std::bit_cast<std::uint64_t>(v); }
inline double double_of(std::uint64_t bits) { return std::bit_cast<double>(bits); }

// The double nearest to m / 10^scale: both are exact, and IEEE 754 rounds a division correctly.
inline double decimal(std::int64_t m, int scale) {
  return static_cast<double>(m) / kPower[static_cast<std::size_t>(scale)];
}

inline constexpr double kRounder = 0x1.8p52;  // Adding and subtracting it rounds to a whole number.
inline constexpr double kRoundedMax = 0x1p51;  // Up to here.

// The nearest whole number, as nearbyint() gives it, without a call of it.
inline double nearest_whole(double v) {
  return std::fabs(v) < kRoundedMax ? (v + kRounder) - kRounder : std::nearbyint(v);
}

// In a column of kind number this value is an int64: whole, exact, and not -0.0.
inline bool is_whole(double v) {
  return std::fabs(v) <= kWholeMax && v == static_cast<double>(static_cast<std::int64_t>(v)) &&
         bits_of(v) != bits_of(-0.0);
}

}  // namespace pinaflux::seal
