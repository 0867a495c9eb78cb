#include "agent/seal/compress.h"

#include <doctest/doctest.h>

#include "platform/base/random.h"
#include "tests/kit/sealed_rows.h"

namespace pinaflux {
namespace {

Buffer noise(std::size_t bytes) {
  Random random(bytes);
  Buffer b(bytes);
  for (auto& byte : b) byte = static_cast<std::uint8_t>(random.below(12));
  return b;
}

TEST_CASE("a frame gives back what went in, at every level") {
  Compressor compressor;
  Decompressor decompressor;
  for (int level : {1, 6, 19}) {
    for (std::size_t bytes : {0u, 1u, 1000u, 300'000u}) {
      const Buffer plain = noise(bytes);
      Buffer frame, back;
      REQUIRE(compressor.compress(plain, level, frame).has_value());
      REQUIRE(decompressor.decompress(frame, plain.size(), back).has_value());
      CHECK(back == plain);
    }
  }
}

TEST_CASE("each level searches: none asks for what toolchains/left_out says of zstd") {
  Compressor compressor;
  Buffer plain = noise(512);
  for (int doubled = 0; doubled < 5; ++doubled) {
    const Buffer once = plain;
    append(plain, once);
  }
  for (int level : {1, 6, 9, 19}) {
    for (const std::size_t bytes : {4'000u, 16'384u}) {
      Buffer frame;
      REQUIRE(compressor.compress(Bytes(plain).first(bytes), level, frame).has_value());
      CHECK(frame.size() < 512);
    }
  }
}

TEST_CASE("a frame of zstd 0.7, which Debian's archive would read, is refused") {
  const Buffer abc = {0x27, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x40, 0, 3, 'a', 'b', 'c', 0xc0, 0, 0};
  Decompressor decompressor;
  Buffer back;
  CHECK_FALSE(decompressor.decompress(abc, 1u << 20, back).has_value());
}

TEST_CASE("the densest level stays within its memory") {
  Compressor compressor;
  Buffer frame;
  REQUIRE(compressor.compress(noise(4u << 20), 19, frame).has_value());
  CHECK(compressor.bytes_held() < 4u << 20);
}

TEST_CASE("noise is not searched, and what only looks like noise is") {
  Compressor compressor;
  const auto compressed = [&](Bytes plain, int level) {
    Buffer frame;
    REQUIRE(compressor.compress(plain, level, frame).has_value());
    return frame;
  };
  const Buffer plain = noise(100'000);
  CHECK(compressed(plain, 19) == compressed(plain, 1));

  Buffer twice = plain;
  append(twice, Bytes(plain).subspan(50'000, 20'000));
  CHECK(compressed(twice, 19).size() < compressed(plain, 19).size() + 1000);

  Buffer halves = plain;
  for (std::size_t i = halves.size() / 2; i < halves.size(); ++i) halves[i] += 12;
  CHECK(compressed(halves, 19).size() < compressed(halves, 1).size());
}

TEST_CASE("a frame gives back what went in with its dictionary, and with no other") {
  const Buffer bytes =
      kit::buffer_of("inlet_temperature outlet_temperature oil_pressure state unloaded");
  const auto dictionary =
      Dictionary::of(kit::buffer_of("state oil_pressure inlet_temperature outlet_"));
  const auto other =
      Dictionary::of(kit::buffer_of("a dictionary of something else, of no use here at all"));
  Compressor compressor;
  Decompressor decompressor;
  for (const int level : {1, 6, 19}) {
    CAPTURE(level);
    Buffer alone, packed, back;
    REQUIRE(compressor.compress(bytes, level, packed, &*dictionary));
    REQUIRE(compressor.compress(bytes, level, alone));  // It was for one frame only.
    CHECK(packed.size() + 20 < alone.size());
    REQUIRE(decompressor.decompress(alone, 1000, back));
    CHECK(back == bytes);
    // What was broken off before leaves nothing behind.
    decompressor.salvage(Bytes(packed).first(packed.size() / 2), 1000, back, &*dictionary);
    REQUIRE(decompressor.decompress(packed, 1000, back, &*dictionary));
    CHECK(back == bytes);
    decompressor.salvage(Bytes(packed).first(3), 1000, back, &*dictionary);
    REQUIRE(decompressor.decompress(alone, 1000, back));
    CHECK(back == bytes);
    const bool opened = decompressor.decompress(packed, 1000, back, &*other).has_value();
    CHECK_FALSE((opened && back == bytes));
    CHECK_FALSE(decompressor.decompress(packed, 1000, back).has_value());
    REQUIRE(decompressor.decompress(packed, 1000, back, &*dictionary));
    CHECK(back == bytes);
  }
}

TEST_CASE("a bomb is refused before it is opened") {
  Compressor compressor;
  Decompressor decompressor;
  Buffer frame, back;
  REQUIRE(compressor.compress(Buffer(3u << 20), 1, frame).has_value());
  REQUIRE(frame.size() < 2000);
  CHECK(decompressor.decompress(frame, 1u << 20, back).error().code == Code::corrupt);
  CHECK(back.capacity() < 1u << 20);
}

TEST_CASE("a frame that is cut, followed, or changed is refused") {
  Compressor compressor;
  Decompressor decompressor;
  const Buffer plain = noise(2000);
  Buffer good, back;
  REQUIRE(compressor.compress(plain, 1, good).has_value());
  for (std::size_t i = 0; i < good.size(); ++i) {
    CHECK_FALSE(decompressor.decompress(Bytes(good).first(i), 1 << 20, back).has_value());
    Buffer bad = good;
    bad[i] ^= 1;
    const bool same = decompressor.decompress(bad, 1 << 20, back).has_value() && back != plain;
    CHECK_FALSE(same);  // The checksum may miss only what changes nothing.
  }
  Buffer followed = good;
  followed.push_back(0);
  CHECK_FALSE(decompressor.decompress(followed, 1 << 20, back).has_value());
  append(followed, good);
  CHECK_FALSE(decompressor.decompress(followed, 1 << 20, back).has_value());
}

}  // namespace
}  // namespace pinaflux
