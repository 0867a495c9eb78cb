#include "agent/seal/coder.h"

// A miss is a width and digits: 0 has width 0, 1 width 1, 2 and 3 width 2. The width is coded in unary, each
// step a model of its own; the three digits behind the leading one by a small tree of models; all others stand
// as raw bits beside. With a shift only what is left above the lowest bits is coded so, which saves steps that
// tell nothing: noise of 20 bits has its width coded in four steps.
//
// Why not zstd alone: its entropy coder sees bytes, has one table for all columns of a frame, and pays for the
// table. Learning costs about log2(n) bits a model instead. On batches of 500 the six sets of FORMAT.md
// come out 10 to 16 % smaller, the table's neighbours as context included.
//
// The range coder is the one with a 32-bit range and a carry that runs back into what was written: bit 1 takes
// the lower part of the range, range / 65536 * probability.

#include <algorithm>
#include <array>
#include <bit>

#include "platform/base/assert.h"

namespace pinaflux::seal {

namespace {

constexpr std::uint32_t kRangeMin = 1u << 24;
constexpr unsigned kDigitsCoded = 3;
constexpr unsigned kWidthClassMax = 7;
constexpr std::uint16_t kSeenMax = 255;
constexpr std::uint64_t kBit = 256;  // Of cost.

// After n bits: how much of the way to the next one, 65536 / (n + 1.8), and what n is then.
struct Rate {
  std::uint16_t of_way, seen;
};
constexpr auto kRates = [] {
  std::array<Rate, kSeenMax + 1> rates{};
  for (std::uint32_t n = 0; n <= kSeenMax; ++n)
    rates[n] = {static_cast<std::uint16_t>(655'360 / (10 * n + 18)),
                static_cast<std::uint16_t>(n < kSeenMax ? n + 1 : n)};
  return rates;
}();

// -log2(i / 1024) in 256ths of a bit, by repeated squaring.
constexpr auto kCost = [] {
  std::array<std::uint16_t, 1025> cost{};
  for (std::uint32_t i = 1; i <= 1024; ++i) {
    const auto width = static_cast<std::uint32_t>(std::bit_width(i)) - 1;
    std::uint64_t x = static_cast<std::uint64_t>(i) << (31 - width);  // 1.0 is 2^31.
    std::uint32_t log = width << 8;
    for (std::uint32_t bit = 128; bit > 0; bit /= 2) {
      x = x * x >> 31;
      if (x >> 32 != 0) {
        x >>= 1;
        log += bit;
      }
    }
    cost[i] = static_cast<std::uint16_t>((10 << 8) - log);
  }
  cost[0] = 11 << 8;
  return cost;
}();

// Without a branch: half of the bits are a surprise.
inline void learn(BitModel& m, bool bit) {
  const std::uint32_t zero = static_cast<std::uint32_t>(bit) - 1;  // All ones for a 0.
  const std::uint32_t one = m.one;
  const std::uint32_t way = (one & zero) | ((65'536 - one) & ~zero);
  const Rate rate = kRates.data()[m.seen];  // Never above kSeenMax.
  const std::uint32_t step = way * rate.of_way >> 16;
  m.one = static_cast<std::uint16_t>(one + ((step ^ zero) - zero));
  m.seen = rate.seen;
}

// Which models come next: what writer and reader must do alike.
class Contexts {
 public:
  Contexts(std::uint8_t context, const Coding& code, MissModels& models)
      : context_(context), classes_(code.classes), models_(models) {
    models.reset(context);
  }
  // Once a row, before its miss.
  void begin(std::size_t row) {
    switch (context_) {
      case Coding::none: at_ = 0; break;
      case Coding::previous: at_ = width_; break;
      case Coding::reference: at_ = classes_[row]; break;
      default: at_ = width_ * 4 + classes_[row];
    }
  }
  BitModel* widths() { return models_.widths(at_); }
  BitModel* digits(unsigned width) { return models_.digits(width); }
  void end(unsigned width) { width_ = width < kWidthClassMax ? width : kWidthClassMax; }

 private:
  const std::uint8_t context_;
  const std::uint8_t* const classes_;
  MissModels& models_;
  std::size_t at_ = 0, width_ = 0;
};

// Low bits first.
class BitWriter {
 public:
  explicit BitWriter(Buffer& to) : to_(to) {}
  ~BitWriter() {
    for (; held_ > 0; held_ -= std::min(held_, 8u), bits_ >>= 8)
      to_.push_back(static_cast<std::uint8_t>(bits_));
  }
  BitWriter(const BitWriter&) = delete;
  BitWriter& operator=(const BitWriter&) = delete;

  void write(std::uint64_t value, unsigned count) {
    for (; count > 32; count -= 32, value >>= 32) some(value & 0xffffffff, 32);
    some(value & ((std::uint64_t{1} << count) - 1), count);
  }

 private:
  void some(std::uint64_t value, unsigned count) {
    bits_ |= value << held_;
    held_ += count;
    if (held_ < 32) return;
    const std::size_t at = to_.size();
    to_.resize(at + 4);
    for (std::size_t i = 0; i < 4; ++i)
      to_.data()[at + i] = static_cast<std::uint8_t>(bits_ >> (8 * i));
    bits_ >>= 32;
    held_ -= 32;
  }
  Buffer& to_;
  std::uint64_t bits_ = 0;
  unsigned held_ = 0;
};

// A sink takes bits with their models, and raw bits.
template <class Sink>
void code_misses(std::span<const std::uint64_t> misses, const Coding& code, MissModels& models,
                 Sink& sink) {
  Contexts contexts(code.context, code, models);
  const unsigned width_max = 64u - code.shift;
  const std::uint64_t* const values = misses.data();
  for (std::size_t row = 0; row < misses.size(); ++row) {
    const std::uint64_t coded = values[row] >> code.shift;
    const auto width = static_cast<unsigned>(std::bit_width(coded));
    contexts.begin(row);
    BitModel* const steps = contexts.widths();
    for (unsigned step = 0; step < width; ++step) sink.bit(steps[step], true);
    if (width < width_max) sink.bit(steps[width], false);
    unsigned left = width > 0 ? width - 1 : 0;
    if (left > 0) {
      BitModel* const digits = contexts.digits(width);
      unsigned node = 1;
      for (unsigned n = 0; n < kDigitsCoded && left > 0; ++n) {
        const bool bit = (coded >> --left & 1) != 0;
        sink.bit(digits[node], bit);
        node = node * 2 + (bit ? 1 : 0);
      }
    }
    sink.raw(values[row], left + code.shift);
    contexts.end(width);
  }
}

}  // namespace

void MissModels::reset(std::uint8_t context) {
  constexpr std::size_t kCount[Coding::kContexts] = {1, 8, 4, 32};
  std::fill_n(widths_, kCount[context] * 64, BitModel{});
  std::fill_n(digits_, 65 * 8, BitModel{});
}

class RangeSink {
 public:
  RangeSink(CodeWriter& writer, Buffer& raw)
      : writer_(writer), raw_(raw), low_(writer.low_), range_(writer.range_) {}
  ~RangeSink() {
    writer_.low_ = low_;
    writer_.range_ = range_;
  }
  RangeSink(const RangeSink&) = delete;
  RangeSink& operator=(const RangeSink&) = delete;

  void bit(BitModel& m, bool bit) {
    const std::uint32_t bound = (range_ >> 16) * m.one;
    learn(m, bit);
    const std::uint32_t zero = static_cast<std::uint32_t>(bit) - 1;
    low_ += bound & zero;
    range_ = bound + ((range_ - 2 * bound) & zero);
    while (range_ < kRangeMin) shift();
  }
  void raw(std::uint64_t value, unsigned count) { raw_.write(value, count); }

 private:
  void shift() {
    Buffer& to = writer_.coded_;
    if (low_ >> 32 != 0) {
      std::size_t at = to.size();
      while (++to[--at] == 0) continue;
    }
    to.push_back(static_cast<std::uint8_t>(low_ >> 24));
    low_ = low_ << 8 & 0xffffffff;
    range_ <<= 8;
  }

  CodeWriter& writer_;
  BitWriter raw_;
  std::uint64_t low_;
  std::uint32_t range_;
};

class CostSink {
 public:
  void bit(BitModel& m, bool bit) {
    cost_ += kCost[(bit ? m.one : 65'536 - m.one) >> 6];
    learn(m, bit);
  }
  void raw(std::uint64_t value, unsigned count) {
    (void)value;
    cost_ += count * kBit;
  }
  std::uint64_t cost() const { return cost_; }

 private:
  std::uint64_t cost_ = 0;
};

void CodeWriter::begin() {
  coded_.clear();
  low_ = 0;
  range_ = 0xffffffff;
  used_ = false;
}

void CodeWriter::write_misses(std::span<const std::uint64_t> misses, const Coding& code,
                              Buffer& to) {
  used_ = used_ || !misses.empty();
  RangeSink sink(*this, to);
  code_misses(misses, code, models_, sink);
}

std::uint64_t CodeWriter::cost(std::span<const std::uint64_t> misses, const Coding& code) {
  CostSink sink;
  code_misses(misses, code, models_, sink);
  return sink.cost();
}

// The fewest bytes that say "between low and low + range", whatever follows them.
void CodeWriter::finish(Buffer& to) {
  if (!used_) return;
  for (unsigned bytes = 1;; ++bytes) {
    const std::uint64_t tail = 0xffffffffull >> (8 * bytes);
    const std::uint64_t value = (low_ + tail) & ~tail;
    if (value + tail >= low_ + range_) continue;
    if (value >> 32 != 0) {
      std::size_t at = coded_.size();
      while (++coded_[--at] == 0) continue;
    }
    for (unsigned n = 0; n < bytes; ++n)
      coded_.push_back(static_cast<std::uint8_t>(value >> (24 - 8 * n)));
    break;
  }
  to.insert(to.end(), coded_.rbegin(), coded_.rend());
}

namespace {

// The raw bits of one series: how many there are is known once all is read.
class BitReader {
 public:
  explicit BitReader(Bytes bytes) : bytes_(bytes) {}

  // At most 63.
  [[gnu::always_inline]] std::uint64_t read(unsigned count) {
    if (count > kAtOnce) [[unlikely]] {
      const std::uint64_t low = some(32);
      return low | some(count - 32) << 32;
    }
    return some(count);
  }
  std::size_t bytes_taken() const { return (at_ + 7) / 8; }

 private:
  static constexpr unsigned kAtOnce =
      57;  // What eight bytes hold behind the bits of their first that are taken.

  [[gnu::always_inline]] std::uint64_t some(unsigned count) {
    const std::size_t byte = at_ / 8;
    std::uint64_t word = 0;
    if (byte + 8 <= bytes_.size()) [[likely]] {
      std::memcpy(&word, bytes_.data() + byte, 8);
      if constexpr (std::endian::native == std::endian::big) word = std::byteswap(word);
    } else {
      for (std::size_t i = byte; i < bytes_.size(); ++i)
        word |= static_cast<std::uint64_t>(bytes_[i]) << (8 * (i - byte));
    }
    word >>= at_ % 8;
    at_ += count;
    return word & ((std::uint64_t{1} << count) - 1);
  }
  Bytes bytes_;
  std::size_t at_ = 0;  // In bits.
};

// The decoder's state, copied: the compiler keeps it in registers, as long as all that works on it is inlined. A bit waits
// for the range that the one before it left; so what counts is how long that takes, and how often the processor guesses
// wrongly. Tried, and no faster: the bounds of four steps at once (a quarter slower); the code's next bytes in a
// register; both models of the next digit read beforehand; zeros in front of the body, and so no question for its end;
// the raw bits in a loop of their own.
struct RangeSource {
  const std::uint8_t* const body;
  std::ptrdiff_t left;  // Bytes of it that were not taken; less than 0: so many zeros were.
  std::uint32_t range, value;

  void shift() {
    value = value << 8 | (left > 0 ? body[left - 1] : 0u);
    range <<= 8;
    --left;
  }
  // After a bit. One byte is taken or none, without a branch; two seldom.
  [[gnu::always_inline]] void settle() {
    const bool low = range < kRangeMin;
    const std::uint32_t next = left > 0 ? body[left - 1] : 0u;
    const std::uint32_t value_up = value << 8 | next, range_up = range << 8;
    value = low ? value_up : value;
    range = low ? range_up : range;
    left -= low ? 1 : 0;
    if (range < kRangeMin) [[unlikely]]
      shift();
  }
  // How many ones stand before a zero: `most` at most. With branches, since most of these bits can be foretold.
  [[gnu::always_inline]] unsigned ones(BitModel* models, unsigned most) {
    for (unsigned n = 0; n < most; ++n) {
      BitModel& m = models[n];
      const std::uint32_t bound = (range >> 16) * m.one;
      if (value >= bound) {
        learn(m, false);
        value -= bound;
        range -= bound;
        settle();
        return n;
      }
      learn(m, true);
      range = bound;
      while (range < kRangeMin) shift();
    }
    return most;
  }
  // So many digits behind a leading 1, with it. Nobody can foretell them: no branch.
  [[gnu::always_inline]] std::uint32_t digits(BitModel* models, unsigned count) {
    std::uint32_t node = 1;
    for (; count > 0; --count) {
      BitModel& m = models[node];
      const std::uint32_t bound = (range >> 16) * m.one;
      const std::uint32_t value_above = value - bound, range_above = range - bound;
      const bool bit = value < bound;
      value = bit ? value : value_above;
      range = bit ? bound : range_above;
      learn(m, bit);
      settle();
      node = node * 2 + (bit ? 1 : 0);
    }
    return node;
  }
};

}  // namespace

void CodeReader::begin(Bytes body, bool whole) {
  body_ = body;
  whole_ = whole;
  used_ = false;
  RangeSource source{body.data(), static_cast<std::ptrdiff_t>(body.size()), 0, 0};
  for (int n = 0; n < 4; ++n) source.shift();
  left_ = source.left;
  range_ = 0xffffffff;
  value_ = source.value;
}

void CodeReader::read_misses(Reader& from, std::span<std::uint64_t> misses, const Coding& code,
                             std::uint8_t* classes) {
  switch (code.context) {
    case Coding::none: return read_in<Coding::none>(from, misses, code, classes);
    case Coding::previous: return read_in<Coding::previous>(from, misses, code, classes);
    case Coding::reference: return read_in<Coding::reference>(from, misses, code, classes);
    default: return read_in<Coding::both>(from, misses, code, classes);
  }
}

template <std::uint8_t context>
void CodeReader::read_in(Reader& from, std::span<std::uint64_t> misses, const Coding& code,
                         std::uint8_t* classes) {
  RangeSource source{body_.data(), left_, range_, value_};
  used_ = true;
  Contexts contexts(context, code, models_);  // Known when it is compiled.
  BitReader raw(body_.subspan(from.position()));
  const unsigned shift = code.shift, width_max = 64u - shift;
  std::uint64_t* const values = misses.data();
  for (std::size_t row = 0; row < misses.size(); ++row) {
    contexts.begin(row);
    const unsigned width = source.ones(contexts.widths(), width_max);
    contexts.end(width);
    if (classes != nullptr) classes[row] = class_of_width(width);
    std::uint32_t coded = width > 0 ? 1 : 0;
    unsigned open = width > 0 ? width - 1 : 0;
    if (open > 0) {
      const unsigned count = std::min(open, kDigitsCoded);
      coded = source.digits(contexts.digits(width), count);
      open -= count;
    }
    open += shift;
    values[row] = open > 0 ? std::uint64_t{coded} << open | raw.read(open) : coded;
  }
  left_ = source.left;
  range_ = source.range;
  value_ = source.value;
  from.raw(raw.bytes_taken());
}

bool CodeReader::ends_with(std::size_t left) const {
  // Four bytes were taken before they were needed; one or two of them were written (finish).
  const std::ptrdiff_t taken = static_cast<std::ptrdiff_t>(body_.size()) - left_;
  const auto columns_left = static_cast<std::ptrdiff_t>(left);
  return used_ ? columns_left + 3 == taken || columns_left + 2 == taken : left == 0;
}

}  // namespace pinaflux::seal
