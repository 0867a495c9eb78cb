#include "platform/crypto/aes.h"

#include <doctest/doctest.h>

namespace pinaflux::crypto {
namespace {

// FIPS 197, appendix C: key 00 01 02 ..., text 00 11 22 ... ff.
TEST_CASE("a block is that of the standard, for each size of key") {
  Buffer key;
  for (std::uint8_t i = 0; i < 32; ++i) key.push_back(i);
  const auto encrypted = [&](std::size_t size) {
    Aes::Block block;
    for (std::size_t i = 0; i < block.size(); ++i) block[i] = static_cast<std::uint8_t>(i * 0x11);
    Aes(Bytes(key).first(size)).encrypt(block);
    return block;
  };
  CHECK(encrypted(16) == Aes::Block{0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd,
                                    0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a});
  CHECK(encrypted(24) == Aes::Block{0xdd, 0xa9, 0x7c, 0xa4, 0x86, 0x4c, 0xdf, 0xe0, 0x6e, 0xaf,
                                    0x70, 0xa0, 0xec, 0x0d, 0x71, 0x91});
  CHECK(encrypted(32) == Aes::Block{0x8e, 0xa2, 0xb7, 0xca, 0x51, 0x67, 0x45, 0xbf, 0xea, 0xfc,
                                    0x49, 0x90, 0x4b, 0x49, 0x60, 0x89});
}

}  // namespace
}  // namespace pinaflux::crypto
