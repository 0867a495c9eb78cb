#include "agent/seal/prefix.h"

// A miss without its lowest `shift` bits, v, is a symbol: 0 to 7 are themselves; above, two a power of two (8 and 9
// are 8 to 11 and 12 to 15), and what is left of v is raw. The code's lengths stand in front, half a byte each; the
// codes follow from them, shorter ones first, of one length in the order of the symbols. Bits run from a
// byte's highest to its lowest, so that the next eight name the code in one look at a table.
//
// Noise is as dense so as under the adaptive coder, since its raw bits are most of it; what is nearly always 0 costs
// a bit at least, and is better written as `sparse`.

#include <algorithm>
#include <bit>
#include <cstring>

namespace pinaflux::seal {

namespace {

constexpr unsigned kDirect = 8;  // Symbols below are values.
constexpr std::uint32_t kTableSize = 1u << kPrefixBitsMax;
constexpr unsigned kFilled = 56;  // Bits that a reader has at least after it looked for more.

inline unsigned symbol_of(std::uint64_t v) {
  const auto width = static_cast<unsigned>(std::bit_width(v | kDirect));
  const unsigned above = 2 * width + (static_cast<unsigned>(v >> (width - 2)) & 1);
  return v < kDirect ? static_cast<unsigned>(v) : above;
}
// Bits of v that its symbol leaves open.
inline unsigned open_bits(unsigned symbol) { return symbol < kDirect ? 0 : symbol / 2 - 2; }
inline std::uint64_t first_of(unsigned symbol) {
  return symbol < kDirect ? symbol : 2 + (symbol & 1);
}

// Highest bits first.
class TopBitWriter {
 public:
  // `bits` at most will come.
  TopBitWriter(Buffer& to, std::uint64_t bits) : to_(to), at_(to.size()) {
    to.resize(at_ + static_cast<std::size_t>((bits + 7) / 8) + sizeof bits_);
  }
  // At most kFilled.
  void write(std::uint64_t value, unsigned count) {
    held_ += count;
    bits_ |= value << (63 - held_) << 1;
    std::uint64_t word = bits_;
    if constexpr (std::endian::native == std::endian::little) word = std::byteswap(word);
    std::memcpy(to_.data() + at_, &word, sizeof word);
    at_ += held_ / 8;
    bits_ <<= held_ & ~7u;
    held_ &= 7;
  }
  void finish() { to_.resize(at_ + (held_ > 0 ? 1 : 0)); }

 private:
  Buffer& to_;
  std::size_t at_;
  std::uint64_t bits_ = 0;
  unsigned held_ = 0;
};

class TopBitReader {
 public:
  explicit TopBitReader(Bytes bytes) : bytes_(bytes) {}

  // Zeros beyond the end.
  void fill() {
    std::uint64_t word = 0;
    const std::uint8_t* const next = bytes_.data() + at_;
    if (bytes_.size() >= 8 && at_ <= bytes_.size() - 8) [[likely]] {
      std::memcpy(&word, next, 8);
      if constexpr (std::endian::native == std::endian::little) word = std::byteswap(word);
    } else {
      for (std::size_t n = 0; n < 8 && at_ + n < bytes_.size(); ++n)
        word |= static_cast<std::uint64_t>(next[n]) << (56 - 8 * n);
    }
    bits_ |= word >> held_;
    at_ += (63 - held_) / 8;
    held_ |= kFilled;
  }
  unsigned peek() const { return static_cast<unsigned>(bits_ >> (64 - kPrefixBitsMax)); }
  void drop(unsigned count) {
    bits_ <<= count;
    held_ -= count;
  }
  // Below 56.
  std::uint64_t take(unsigned count) {
    const std::uint64_t value = bits_ >> 1 >> (63 - count);
    drop(count);
    return value;
  }
  std::size_t bytes_taken() const { return at_ - held_ / 8; }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
  std::uint64_t bits_ = 0;
  unsigned held_ = 0;
};

}  // namespace

// Huffman's lengths, symbols rarest first: `used`. False: a code would be too long.
bool PrefixWriter::try_lengths(std::span<const std::uint8_t> used) {
  const std::size_t leaves = used.size();
  std::array<std::uint32_t, 2 * kPrefixSymbols> weight;
  std::array<std::uint16_t, 2 * kPrefixSymbols> parent;
  for (std::size_t n = 0; n < leaves; ++n) weight[n] = counts_[used[n]];
  std::size_t leaf = 0, inner = leaves;
  const std::size_t root = 2 * leaves - 2;
  for (std::size_t node = leaves; node <= root; ++node) {
    weight[node] = 0;
    for (int child = 0; child < 2; ++child) {
      const bool from_leaf = leaf < leaves && (inner == node || weight[leaf] <= weight[inner]);
      const std::size_t which = from_leaf ? leaf++ : inner++;
      weight[node] += weight[which];
      parent[which] = static_cast<std::uint16_t>(node);
    }
  }
  std::array<std::uint8_t, 2 * kPrefixSymbols> depth;
  depth[root] = 0;
  bool fits = true;
  for (std::size_t node = root; node-- > 0;) {
    depth[node] = static_cast<std::uint8_t>(depth[parent[node]] + 1);
    if (node >= leaves) continue;
    fits = fits && depth[node] <= kPrefixBitsMax;
    lengths_[used[node]] = depth[node];
  }
  return fits;
}

// Counts that are too uneven are made more even until the codes are short enough.
void PrefixWriter::lengths_of_counts() {
  std::array<std::uint8_t, kPrefixSymbols> memory;
  std::size_t count = 0;
  for (std::size_t s = 0; s < symbols_; ++s) {
    lengths_[s] = 0;
    if (counts_[s] > 0) memory[count++] = static_cast<std::uint8_t>(s);
  }
  const auto used = std::span(memory).first(count);
  if (count == 1) lengths_[used[0]] = 1;
  if (count < 2) return;
  std::ranges::sort(used, {}, [this](std::uint8_t s) { return counts_[s]; });
  while (!try_lengths(used)) {
    for (const std::uint8_t s : used) counts_[s] = counts_[s] / 2 + 1;
  }
}

std::uint64_t PrefixWriter::prepare(std::span<const std::uint64_t> misses, unsigned shift) {
  shift_ = shift;
  counts_.fill(0);
  for (const std::uint64_t m : misses) ++counts_[symbol_of(m >> shift)];
  symbols_ = kPrefixSymbols;
  while (symbols_ > 0 && counts_[symbols_ - 1] == 0) --symbols_;
  const auto counts = counts_;
  lengths_of_counts();
  bits_ = 0;
  for (unsigned s = 0; s < symbols_; ++s)
    bits_ += std::uint64_t{counts[s]} * (lengths_[s] + open_bits(s) + shift);
  return bits_ + 16 + (symbols_ + 1) / 2 * 8;
}

namespace {

// The codes of these lengths, canonical: codes[s] for each symbol that has one. False: more than there is room for.
template <class Each>
bool each_code(std::span<const std::uint8_t> lengths, Each each) {
  std::uint32_t next = 0;  // Of kTableSize.
  for (unsigned length = 1; length <= kPrefixBitsMax; ++length) {
    for (unsigned s = 0; s < lengths.size(); ++s) {
      if (lengths[s] != length) continue;
      const std::uint32_t size = kTableSize >> length;
      if (next + size > kTableSize) return false;
      each(s, length, next, size);
      next += size;
    }
  }
  return true;
}

}  // namespace

void PrefixWriter::write(std::span<const std::uint64_t> misses, Buffer& to) const {
  to.push_back(static_cast<std::uint8_t>(shift_));
  to.push_back(static_cast<std::uint8_t>(symbols_));
  for (std::size_t s = 0; s < symbols_; s += 2) {
    const unsigned high = s + 1 < symbols_ ? lengths_[s + 1] : 0;
    to.push_back(static_cast<std::uint8_t>(lengths_[s] | high << 4));
  }
  struct Code {
    std::uint8_t code, length, open;
  };
  std::array<Code, kPrefixSymbols> codes;
  each_code(std::span(lengths_).first(symbols_),
            [&](unsigned s, unsigned length, std::uint32_t first, std::uint32_t) {
              codes[s] = {static_cast<std::uint8_t>(first >> (kPrefixBitsMax - length)),
                          static_cast<std::uint8_t>(length),
                          static_cast<std::uint8_t>(open_bits(s) + shift_)};
            });
  TopBitWriter bits(to, bits_);
  for (const std::uint64_t m : misses) {
    const unsigned symbol = symbol_of(m >> shift_);
    const Code code = codes[symbol];
    const std::uint64_t raw = m & ((std::uint64_t{1} << code.open) - 1);
    if (code.length + code.open <= kFilled) [[likely]] {
      bits.write(std::uint64_t{code.code} << code.open | raw, code.length + code.open);
    } else {
      bits.write(std::uint64_t{code.code} << (code.open - 32) | raw >> 32,
                 code.length + code.open - 32);
      bits.write(raw & 0xffffffff, 32);
    }
  }
  bits.finish();
}

void read_prefix(Reader& from, std::span<std::uint64_t> misses, unsigned& shift) {
  struct Entry {
    std::uint8_t length = 0;  // 0: no such code.
    std::uint8_t first = 0, open = 0;
  };
  shift = from.u8();
  const std::size_t symbols = from.u8();
  if (shift > 63 || symbols > kPrefixSymbols) return from.fail();
  const Bytes halves = from.raw((symbols + 1) / 2);
  if (from.failed()) return;
  std::array<std::uint8_t, kPrefixSymbols> lengths;
  bool fits = true;
  for (unsigned s = 0; s < symbols; ++s) {
    lengths[s] = halves[s / 2] >> (s % 2 * 4) & 15;
    const unsigned width = static_cast<unsigned>(std::bit_width(first_of(s))) + open_bits(s);
    fits = fits && lengths[s] <= kPrefixBitsMax && (lengths[s] == 0 || width + shift <= 64);
  }
  std::array<Entry, kTableSize> table{};
  fits =
      fits &&
      each_code(std::span(lengths).first(symbols), [&](unsigned s, unsigned length,
                                                       std::uint32_t first, std::uint32_t size) {
        std::fill_n(table.begin() + first, size,
                    Entry{static_cast<std::uint8_t>(length), static_cast<std::uint8_t>(first_of(s)),
                          static_cast<std::uint8_t>(open_bits(s) + shift)});
      });
  if (!fits) return from.fail();
  TopBitReader bits(Reader(from).raw(from.left()));
  bool known = true;
  for (std::uint64_t& m : misses) {
    bits.fill();
    const Entry e = table[bits.peek()];
    known = known && e.length != 0;
    bits.drop(e.length);
    m = e.first;
    unsigned open = e.open;
    if (open > kFilled - kPrefixBitsMax) [[unlikely]] {
      m = m << (open - 32) | bits.take(open - 32);
      bits.fill();
      open = 32;
    }
    m = m << open | bits.take(open);
  }
  if (!known) return from.fail();
  from.raw(bits.bytes_taken());
}

}  // namespace pinaflux::seal
