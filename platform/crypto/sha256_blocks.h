// Sha256 blocks: SHA-256's inner function by the instructions that processors have for it.
//
// Promise    The same digests as mbedTLS's, whose code for x86 does without them: a seventh of the time. Every
//            envelope is hashed when it is sealed and when it is opened.
// Threads    Pure functions; any.
// Source     FIPS 180-4, section 6.2; Intel SHA Extensions (2013).
// Tests      tests/platform/crypto/crypto_test.cc
#pragma once

#include <array>
#include <cstdint>

#include "platform/base/bytes.h"

namespace pinaflux::crypto {

inline constexpr std::size_t kShaBlockBytes = 64;
using ShaState = std::array<std::uint32_t, 8>;

inline constexpr ShaState kShaBegin = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

// Whether this processor has them, and this build their use.
bool has_sha_blocks();
// Whole blocks only, and only if it has.
void sha_blocks(ShaState& state, Bytes blocks);

}  // namespace pinaflux::crypto
