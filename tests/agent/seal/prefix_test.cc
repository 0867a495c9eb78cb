#include "agent/seal/prefix.h"

#include <vector>

#include <doctest/doctest.h>

#include "platform/base/random.h"

namespace pinaflux::seal {
namespace {

using Misses = std::vector<std::uint64_t>;

struct PrefixFixture {
  PrefixWriter writer;
  std::uint64_t bits = 0;

  Buffer written(const Misses& misses, unsigned shift) {
    Buffer bytes;
    bits = writer.prepare(misses, shift);
    writer.write(misses, bytes);
    return bytes;
  }
  // What `bytes` give; what they leave behind must be `behind` bytes.
  bool read(Bytes bytes, Misses& back, std::size_t behind = 0) {
    Reader from(bytes);
    unsigned shift = 0;
    read_prefix(from, back, shift);
    return !from.failed() && from.left() == behind;
  }
  Misses made(Random& random) {
    Misses misses(random.below(600));
    const auto wide = random.below(64), outliers = random.below(20);
    for (auto& m : misses) {
      m = random.u64() >> wide >> random.below(random.one_in(3) ? 1 : 4);
      if (outliers > 0 && random.one_in(outliers)) m = random.u64() >> random.below(64);
    }
    return misses;
  }
};

TEST_CASE_FIXTURE(PrefixFixture, "misses come back whatever they are and whatever the shift") {
  Random random(1);
  for (int n = 0; n < 2'000; ++n) {
    const Misses misses = made(random);
    Misses back(misses.size(), 7);

    const Buffer bytes = written(misses, static_cast<unsigned>(random.below(64)));

    REQUIRE(read(bytes, back));
    REQUIRE(back == misses);
    REQUIRE(bytes.size() == (bits + 7) / 8);
  }
}

TEST_CASE_FIXTURE(PrefixFixture, "widths of 0 to 64 bits come back together") {
  Misses misses;
  for (unsigned width = 0; width <= 64; ++width)
    misses.insert(misses.end(), 1u << (width / 8),
                  width == 0 ? 0 : ~std::uint64_t{0} >> (64 - width));
  for (unsigned shift = 0; shift < 64; ++shift) {
    Misses back(misses.size());
    REQUIRE(read(written(misses, shift), back));
    REQUIRE(back == misses);
  }
}

TEST_CASE_FIXTURE(PrefixFixture, "even counts get even codes, and no code is longer than a look") {
  Misses misses;
  for (std::uint64_t v = 0; v < 8; ++v) misses.insert(misses.end(), 100, v);
  CHECK(writer.prepare(misses, 0) == 2 * 8 + 4 * 8 + 800 * 3);
  misses.clear();
  for (std::uint64_t v = 0; v < 30;
       ++v)  // Of Fibonacci's kind: Huffman's codes would have 29 bits.
    misses.insert(misses.end(), std::size_t{1} << (v / 2), std::uint64_t{1} << v);
  Misses back(misses.size());
  REQUIRE(read(written(misses, 0), back));
  CHECK(back == misses);
}

TEST_CASE_FIXTURE(PrefixFixture,
                  "bytes that are cut or lie are damage or other misses, never more") {
  Random random(2);
  for (int n = 0; n < 200; ++n) {
    const Misses misses = made(random);
    Buffer bytes = written(misses, 3);
    Misses back(misses.size());
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
      REQUIRE_FALSE(read(Bytes(bytes).first(cut), back));
    for (int change = 0; change < 100 && !misses.empty(); ++change) {
      bytes[random.below(bytes.size())] = static_cast<std::uint8_t>(random.u64());
      read(bytes, back);
    }
  }
}

TEST_CASE_FIXTURE(PrefixFixture, "codes that cannot be are damage") {
  Misses one(1);
  CHECK(read(Buffer{0, 1, 0x01, 0x00}, one));              // 0, by one bit.
  CHECK_FALSE(read(Buffer{0, 1, 0x01, 0x80}, one));        // A code that nobody has.
  CHECK_FALSE(read(Buffer{0, 3, 0x11, 0x01, 0x00}, one));  // Three codes of one bit.
  CHECK_FALSE(read(Buffer{0, 1, 0x09, 0x00}, one));        // A code of nine bits.
  CHECK_FALSE(read(Buffer{64, 1, 0x01, 0x00}, one));       // A shift of all bits.
  CHECK_FALSE(read(Buffer{0, 131, 0x01, 0x00}, one));      // A symbol that there is not.
  CHECK_FALSE(read(Buffer{62, 8, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0}, one));  // 65 bits.
  CHECK_FALSE(read(Buffer{0, 1, 0x00, 0x00}, one));  // No code at all.
}

}  // namespace
}  // namespace pinaflux::seal
