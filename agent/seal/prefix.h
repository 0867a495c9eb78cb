// Prefix: misses as symbols of a prefix code made for the series, and raw bits: less dense than the coder, and many
// times as fast. Bytes: FORMAT.md, section 5.
//
// Promise    read_prefix(write(misses)) gives the same misses. A reader never reads past its bytes.
// Threads    One owner at a time: a writer holds the code that it prepared.
// Source     D. A. Huffman 1952; canonical codes as in RFC 1951, section 3.2.2.
// Tests      tests/agent/seal/prefix_test.cc, vectors_test.cc
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "platform/base/bytes.h"

namespace pinaflux::seal {

inline constexpr std::size_t kPrefixSymbols = 130;
inline constexpr unsigned kPrefixBitsMax = 8;  // Of a symbol's code.

class PrefixWriter {
 public:
  // Makes the code for these misses. What they come to, in bits.
  std::uint64_t prepare(std::span<const std::uint64_t> misses, unsigned shift);
  // Those that it was prepared for.
  void write(std::span<const std::uint64_t> misses, Buffer& to) const;

 private:
  void lengths_of_counts();
  bool try_lengths(std::span<const std::uint8_t> used);

  unsigned shift_ = 0;
  std::uint64_t bits_ = 0;
  std::size_t symbols_ = 0;  // The last that occurs, and one more.
  std::array<std::uint32_t, kPrefixSymbols> counts_{};
  std::array<std::uint8_t, kPrefixSymbols> lengths_{};
};

// A failed `from`: damage.
void read_prefix(Reader& from, std::span<std::uint64_t> misses, unsigned& shift);

}  // namespace pinaflux::seal
