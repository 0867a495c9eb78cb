// Ten rounds of a Feistel network over the two halves A | B of the digits:
//
//   A, B = B, (A + y) mod 10^m      y: a number of d bytes, AES of round, tweak and B
//
// The names are those of the standard. Numbers stay strings of digits or of bytes: with halves of at most 28
// digits a multiplication by 10 or by 256 and an addition, place by place, are all that it takes; and y has at most the
// 16 bytes of one block.

#include "agent/mask/ff1.h"

#include <algorithm>
#include <array>

#include "platform/base/assert.h"

namespace pinaflux {

namespace {

using Block = crypto::Aes::Block;

constexpr std::size_t kHalfMax = Ff1::kDigitsMax / 2;
constexpr std::size_t kNumberBytesMax = 12;  // Of a half of kHalfMax digits.

// Bytes that 10^digits - 1 takes; log2(10) = 3.3219..., and no power of ten here is near one of two.
std::size_t bytes_of(std::size_t digits) { return (digits * 33220 / 10000 + 1 + 7) / 8; }

// to = the number that the digits write, its last byte last.
void number_of(std::span<const char> digits, MutableBytes to) {
  std::ranges::fill(to, std::uint8_t{0});
  for (const char digit : digits) {
    unsigned carry = static_cast<unsigned>(digit - '0');
    for (std::size_t i = to.size(); i-- > 0; carry >>= 8) {
      carry += to[i] * 10u;
      to[i] = static_cast<std::uint8_t>(carry);
    }
  }
}

// digits += the number in `bytes`, modulo 10^digits.size().
void add(std::span<char> digits, Bytes bytes) {
  std::array<std::uint8_t, kHalfMax> rest{};  // The number modulo that, its last digit first.
  for (const std::uint8_t byte : bytes) {
    unsigned carry = byte;
    for (std::size_t i = 0; i < digits.size(); ++i, carry /= 10) {
      carry += rest[i] * 256u;
      rest[i] = static_cast<std::uint8_t>(carry % 10);
    }
  }
  unsigned carry = 0;
  for (std::size_t i = 0; i < digits.size(); ++i, carry /= 10) {
    char& digit = digits[digits.size() - 1 - i];
    carry += static_cast<unsigned>(digit - '0') + rest[i];
    digit = static_cast<char>('0' + carry % 10);
  }
}

void xor_into(Block& to, Bytes block) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] ^= block[i];
}

}  // namespace

void Ff1::encrypt(std::span<char> digits, Bytes tweak) const {
  const std::size_t n = digits.size(), u = n / 2, v = n - u, t = tweak.size();
  ASSERT(n >= kDigitsMin && n <= kDigitsMax);
  ASSERT(t <= kTweakMax);
  const std::size_t b = bytes_of(v), d = (b + 3) / 4 * 4 + 4;
  ASSERT(b <= kNumberBytesMax && d <= sizeof(Block));
  Block p{1, 2,  1,  0,
          0, 10, 10, static_cast<std::uint8_t>(u),
          0, 0,  0,  static_cast<std::uint8_t>(n),
          0, 0,  0,  static_cast<std::uint8_t>(t)};
  aes_.encrypt(p);  // The first block of each round's chain is the same.

  std::array<char, kHalfMax> a_digits, b_digits;
  std::span<char> a(a_digits.data(), u), half_b(b_digits.data(), v);
  std::ranges::copy(digits.first(u), a.begin());
  std::ranges::copy(digits.subspan(u), half_b.begin());
  std::array<std::uint8_t, 3 * sizeof(Block)> q{};
  const std::size_t q_size = (t + b + 1 + 15) / 16 * 16;
  std::ranges::copy(tweak, q.begin());
  for (std::uint8_t round = 0; round < 10; ++round) {
    q[q_size - b - 1] = round;
    number_of(half_b, MutableBytes(q).subspan(q_size - b, b));
    Block r = p;
    for (std::size_t i = 0; i < q_size; i += r.size()) {
      xor_into(r, Bytes(q).subspan(i, r.size()));
      aes_.encrypt(r);
    }
    add(a, Bytes(r).first(d));
    std::swap(a, half_b);
  }
  std::ranges::copy(a, digits.begin());
  std::ranges::copy(half_b, digits.begin() + static_cast<std::ptrdiff_t>(a.size()));
}

}  // namespace pinaflux
