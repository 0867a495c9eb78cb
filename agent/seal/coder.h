// Coder: small integers as bits whose probabilities are learnt while they are coded (an adaptive binary range
// coder), and the raw bits below them. Bytes: FORMAT.md, section 6.
//
// Promise    read_misses(write_misses(misses)) gives the same misses, under the same Coding.
// Limits     A reader never reads past its bytes: beyond them it finds zeros.
// Threads    One owner at a time; models are scratch memory (10 KiB).
// Source     G. N. N. Martin 1979; the carry-propagating form. Estimator of Krichevsky and Trofimov 1981.
// Tests      tests/agent/seal/integers_test.cc, vectors_test.cc
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "platform/base/bytes.h"

namespace pinaflux::seal {

// The probability of a 1, in 65536ths, and how often it was met.
struct BitModel {
  std::uint16_t one = 0x8000;
  std::uint16_t seen = 0;
};

// How the misses of a series are coded. Written: `shift`, `context`.
struct Coding {
  enum Context : std::uint8_t {
    none = 0,
    previous = 1,   // The class of the miss before.
    reference = 2,  // The class of the same row in another column.
    both = 3,
  };
  static constexpr std::uint8_t kContexts = 4;  // 4 was the miss before itself: it earned nothing.
  static constexpr std::uint8_t kShiftMax = 63;

  std::uint8_t shift = 0;  // Lowest bits that stand raw.
  std::uint8_t context = none;
  const std::uint8_t* classes = nullptr;  // Of the other column, 0 to 3 each.
};

// The class of a miss: 0 to 3 of the width of what is coded of it.
inline std::uint8_t class_of(std::uint64_t miss, unsigned shift) {
  const std::uint64_t v = miss >> shift;
  return static_cast<std::uint8_t>((v > 0 ? 1 : 0) + (v > 1 ? 1 : 0) + (v > 3 ? 1 : 0));
}

// The same of a width.
inline std::uint8_t class_of_width(unsigned width) {
  return static_cast<std::uint8_t>(width < 3 ? width : 3);
}

class MissModels {
 public:
  void reset(std::uint8_t context);
  BitModel* widths(std::size_t context) { return widths_ + context * 64; }
  BitModel* digits(unsigned width) { return digits_ + std::size_t{width} * 8; }

 private:
  BitModel widths_[32 * 64];  // By context and step.
  BitModel digits_[65 * 8];   // By width (0 to 64); eight nodes each.
};

// One stream for all series of a body. It stands at the body's end, backwards, so that the body's bytes can be
// read forwards beside it without a length.
class CodeWriter {
 public:
  void begin();
  // Raw bits go to `to`, whole bytes.
  void write_misses(std::span<const std::uint64_t> misses, const Coding& code, Buffer& to);
  // What that would come to, raw bits included, in 256ths of a bit.
  std::uint64_t cost(std::span<const std::uint64_t> misses, const Coding& code);
  // Appends the stream, last byte first. Nothing if no misses were written.
  void finish(Buffer& to);

 private:
  friend class RangeSink;
  friend class CostSink;
  MissModels models_;
  Buffer coded_;
  std::uint64_t low_ = 0;
  std::uint32_t range_ = 0xffffffff;
  bool used_ = false;
};

class CodeReader {
 public:
  // Of this body. Of one that was cut off the stream is lost: whole() is for who asks before read_misses().
  void begin(Bytes body, bool whole = true);
  bool whole() const { return whole_; }
  // `classes`: where those of the misses go; nullptr: nobody asks for them.
  void read_misses(Reader& from, std::span<std::uint64_t> misses, const Coding& code,
                   std::uint8_t* classes = nullptr);
  // What the columns left, `left` bytes, is this stream and no more.
  bool ends_with(std::size_t left) const;

 private:
  template <std::uint8_t context>
  void read_in(Reader& from, std::span<std::uint64_t> misses, const Coding& code,
               std::uint8_t* classes);

  MissModels models_;
  Bytes body_;
  std::ptrdiff_t left_ = 0;  // Bytes that were not taken; less than 0: so many zeros were.
  std::uint32_t range_ = 0xffffffff, value_ = 0;
  bool used_ = false;
  bool whole_ = true;
};

}  // namespace pinaflux::seal
