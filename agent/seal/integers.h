// Integers: a run of 64-bit integers as a prediction and a layout of what the prediction missed.
//
// Promise    read(write(values)) gives the same bits: all arithmetic wraps, so that int64, uint64
//            and the bits of a double are the same thing here. Unknown predictions and layouts are
//            `newer`.
// Limits     A reader fills what it is given and no more; it never reads past its bytes.
// Threads    A writer has one owner at a time (scratch memory); reading is a pure function.
// Tests      tests/agent/seal/integers_test.cc. Bytes: FORMAT.md.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "agent/seal/compress.h"
#include "agent/seal/envelope.h"
#include "platform/base/bytes.h"

namespace pinaflux::seal {

// What a reader found.
enum class Read : std::uint8_t { ok, damaged, newer, no_memory };

// Numbers of the format: never reused. 5 to 7 are free.
enum class Predict : std::uint8_t {
  plain = 0,   // The value.
  zigzag = 1,  // The value, signed.
  delta = 2,   // Against the value before.
  delta2 = 3,  // Against the line through the two values before.
  offset = 4,  // Against the smallest.
};
inline constexpr std::uint8_t kPredictCount = 5;

// Numbers of the format: never reused. 6 to 15 are free.
enum class Layout : std::uint8_t {
  zeros = 0,  // All misses are 0: nothing is written.
  varints = 1,
  planes = 2,  // All lowest bytes, then all second bytes, ...
  runs = 3,    // Distinct neighbours, and how often each stands there.
  bits = 4,    // Misses of 0 and 1, eight a byte.
  sparse = 5,  // Only the misses that are not 0, and how far they are apart.
};

class IntegerWriter {
 public:
  static constexpr std::uint8_t kNoHint = 0xff;

  // `hint` is the prediction that won last time: Effort::fast takes it untried. It is updated.
  void write(std::span<const std::uint64_t> values, Effort effort, std::uint8_t& hint, Buffer& to);
  // About how many quarter bits write() would cost after compression. No hint, no effort.
  std::uint64_t cost(std::span<const std::uint64_t> values);
  // Bytes that `bytes` come to when they are compressed: how Effort::max compares.
  std::size_t compressed_bytes(Bytes bytes);

 private:
  struct Stats {
    std::uint64_t cost = 0;  // Quarter bits.
    std::uint64_t any = 0;   // All misses, or-ed.
    std::size_t zeros = 0, runs = 0, varint_bytes = 0;
  };
  std::span<const std::uint64_t> divide(std::span<const std::uint64_t> values, std::uint64_t unit);
  // The misses go to misses_, what stands before them to front_.
  Stats predict(std::span<const std::uint64_t> values, Predict how);
  Predict choose(std::span<const std::uint64_t> values);
  void write_misses(Layout layout, const Stats& stats, Buffer& to);
  void write_smallest(std::span<const std::uint64_t> values, std::uint8_t flags, std::uint8_t& hint,
                      Buffer& to);

  std::vector<std::uint64_t> divided_, misses_;
  Buffer front_, trial_, best_, compressed_;
  Compressor compressor_;
};

Read read_integers(Reader& from, std::span<std::uint64_t> values);

}  // namespace pinaflux::seal
