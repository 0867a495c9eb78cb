#include "agent/seal/integers.h"

// Layout: mode byte (bit 7: a unit follows as varint), then one zigzag varint a value. The modes of a
// smooth column (times, counters, scaled readings) leave small numbers, of which zstd then finds the
// repetition. The mode is chosen by the number of bytes that the varints would take.

#include <array>
#include <bit>
#include <numeric>

namespace pinaflux::seal {

namespace {

enum Mode : std::uint8_t { kPlain = 0, kDelta = 1, kDeltaOfDelta = 2 };
constexpr std::uint8_t kUnitFollows = 0x80;

std::int64_t wrap_minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t wrap_plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::size_t varint_bytes(std::uint64_t v) {
  return v == 0 ? 1 : (static_cast<std::size_t>(std::bit_width(v)) + 6) / 7;
}

// The greatest common divisor of all values; 1 where it does not pay.
std::uint64_t common_unit(std::span<const std::int64_t> values) {
  std::uint64_t unit = 0;
  for (std::int64_t v : values) {
    const std::uint64_t size = v < 0 ? 0 - static_cast<std::uint64_t>(v) : static_cast<std::uint64_t>(v);
    unit = std::gcd(unit, size);
    if (unit == 1) return 1;
  }
  return unit == 0 || unit > 1ull << 62 ? 1 : unit;
}

Mode choose(std::span<const std::int64_t> values, std::int64_t unit) {
  std::array<std::size_t, 3> bytes{};
  std::int64_t last = 0, last_delta = 0;
  for (std::int64_t raw : values) {
    const std::int64_t v = unit == 1 ? raw : raw / unit;
    const std::int64_t delta = wrap_minus(v, last);
    bytes[kPlain] += varint_bytes(zigzag(v));
    bytes[kDelta] += varint_bytes(zigzag(delta));
    bytes[kDeltaOfDelta] += varint_bytes(zigzag(wrap_minus(delta, last_delta)));
    last = v;
    last_delta = delta;
  }
  Mode best = kPlain;
  if (bytes[kDelta] < bytes[best]) best = kDelta;
  if (bytes[kDeltaOfDelta] < bytes[best]) best = kDeltaOfDelta;
  return best;
}

}  // namespace

void write_integers(std::span<const std::int64_t> values, Writer& to) {
  const std::uint64_t unit = common_unit(values);
  const Mode mode = choose(values, static_cast<std::int64_t>(unit));
  to.u8(unit == 1 ? mode : static_cast<std::uint8_t>(mode | kUnitFollows));
  if (unit != 1) to.varint(unit);
  std::int64_t last = 0, last_delta = 0;
  for (std::int64_t raw : values) {
    const std::int64_t v = unit == 1 ? raw : raw / static_cast<std::int64_t>(unit);
    const std::int64_t delta = wrap_minus(v, last);
    to.signed_varint(mode == kPlain ? v : mode == kDelta ? delta : wrap_minus(delta, last_delta));
    last = v;
    last_delta = delta;
  }
}

void read_integers(Reader& from, std::span<std::int64_t> values) {
  const std::uint8_t head = from.u8();
  const std::uint8_t mode = head & 0x7f;
  const std::uint64_t unit = (head & kUnitFollows) != 0 ? from.varint() : 1;
  if (mode > kDeltaOfDelta) from.fail();
  std::int64_t last = 0, last_delta = 0;
  for (std::int64_t& value : values) {
    if (from.failed()) return;
    std::int64_t v = from.signed_varint();
    if (mode == kDeltaOfDelta) v = last_delta = wrap_plus(last_delta, v);
    if (mode != kPlain) v = wrap_plus(last, v);
    last = v;
    value = static_cast<std::int64_t>(static_cast<std::uint64_t>(v) * unit);
  }
}

}  // namespace pinaflux::seal
