#include "agent/seal/integers.h"

// A series begins with one byte: prediction (bits 0 to 2), a flag for a common unit (bit 3), layout
// (bits 4 to 7). With a unit, the unit and the first value follow, and what is predicted is the
// distance from the first value, divided: 10.00, 10.25, 11.00 as hundredths is 0, 1, 4 in units of
// 25. Then come the values that the prediction starts from, then the misses.
//
// Which prediction: the one whose misses have the fewest bits, counted; that is close to what an
// entropy coder makes of them. Which layout: by rules on the same counts; Effort::max tries the
// best two predictions in all fitting layouts and compresses each. Planes win over varints as soon
// as most misses need two bytes: the high bytes of neighbours are alike. Runs below a quarter and
// sparse below a third: carobd at Effort::standard 14.0 -> 9.4 bytes a record (against an eighth
// each), nothing is worse.

#include <algorithm>
#include <bit>
#include <numeric>

namespace pinaflux::seal {

namespace {

constexpr std::uint8_t kPredictMask = 0x07;
constexpr std::uint8_t kUnitFlag = 0x08;
constexpr std::size_t kUnitPays = 8;  // Values; below, a unit costs more than it saves.
constexpr int kTrialLevel = 6;

std::uint8_t head_of(Predict how, Layout layout, std::uint8_t flags) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(how) | flags |
                                   static_cast<unsigned>(layout) << 4);
}

std::size_t varint_bytes(std::uint64_t v) {
  return (static_cast<std::size_t>(std::bit_width(v | 1)) + 6) / 7;
}

std::uint64_t zigzag_of(std::uint64_t v) { return zigzag(static_cast<std::int64_t>(v)); }
std::uint64_t unzigzag_of(std::uint64_t v) { return static_cast<std::uint64_t>(unzigzag(v)); }

std::uint64_t magnitude(std::uint64_t difference) {
  return difference >> 63 != 0 ? 0 - difference : difference;
}

std::uint64_t common_unit(std::span<const std::uint64_t> values) {
  std::uint64_t unit = 0;
  for (std::uint64_t v : values) {
    unit = std::gcd(unit, magnitude(v - values[0]));
    if (unit == 1) break;
  }
  return unit;
}

// Divides by one number what is known to be a multiple of it: a multiplication by its inverse modulo 2^64, where
// a division of 64 bits takes hundreds of instructions on 32-bit ARM (Granlund and Montgomery 1994, section 9).
class ExactDivisor {
 public:
  explicit ExactDivisor(std::uint64_t divisor)
      : shift_(std::countr_zero(divisor)), inverse_(divisor >> shift_) {
    const std::uint64_t odd = inverse_;  // Right in its lowest 3 bits; each step doubles them.
    for (int bits = 3; bits < 64; bits *= 2) inverse_ *= 2 - odd * inverse_;
  }
  std::uint64_t quotient(std::uint64_t multiple) const { return (multiple >> shift_) * inverse_; }

 private:
  int shift_;
  std::uint64_t inverse_;
};

unsigned width_of(std::uint64_t any) {
  return std::max(1u, (static_cast<unsigned>(std::bit_width(any)) + 7) / 8);
}

Layout layout_by_rule(std::size_t count, std::size_t zeros, std::size_t runs, std::size_t bytes,
                      std::uint64_t any) {
  if (zeros == count) return Layout::zeros;
  if (any <= 1) return runs * 16 < count ? Layout::runs : Layout::bits;
  if (runs * 4 < count) return Layout::runs;
  if ((count - zeros) * 3 < count) return Layout::sparse;
  return bytes * 4 <= count * 5 && any > 0xff ? Layout::varints : Layout::planes;
}

void write_planes(std::span<const std::uint64_t> misses, unsigned width, Buffer& to) {
  to.push_back(static_cast<std::uint8_t>(width));
  std::size_t at = to.size();
  to.resize(at + misses.size() * width);
  for (unsigned plane = 0; plane < width; ++plane) {
    for (std::uint64_t m : misses) to[at++] = static_cast<std::uint8_t>(m >> (8 * plane));
  }
}

void write_runs(std::span<const std::uint64_t> misses, std::size_t runs, Buffer& buffer) {
  Writer to(buffer);
  to.varint(runs);
  for (std::size_t i = 0; i < misses.size(); ++i) {
    if (i == 0 || misses[i] != misses[i - 1]) to.varint(misses[i]);
  }
  std::size_t length = 0;
  for (std::size_t i = 1; i < misses.size(); ++i, ++length) {
    if (misses[i] == misses[i - 1]) continue;
    to.varint(length);
    length = static_cast<std::size_t>(-1);
  }
  to.varint(length);
}

void write_bits(std::span<const std::uint64_t> misses, Buffer& to) {
  const std::size_t at = to.size();
  to.resize(at + (misses.size() + 7) / 8);
  for (std::size_t i = 0; i < misses.size(); ++i) {
    to[at + i / 8] = static_cast<std::uint8_t>(to[at + i / 8] | misses[i] << (i % 8));
  }
}

void write_sparse(std::span<const std::uint64_t> misses, std::size_t zeros, Buffer& buffer) {
  Writer to(buffer);
  to.varint(misses.size() - zeros);
  std::size_t last = 0;
  for (std::size_t i = 0; i < misses.size(); ++i) {
    if (misses[i] == 0) continue;
    to.varint(i - last);
    last = i + 1;
  }
  for (std::uint64_t m : misses) {
    if (m != 0) to.varint(m - 1);
  }
}

}  // namespace

std::span<const std::uint64_t> IntegerWriter::divide(std::span<const std::uint64_t> values,
                                                     std::uint64_t unit) {
  divided_.clear();
  const ExactDivisor by(unit);
  for (std::uint64_t v : values) {
    const std::uint64_t difference = v - values[0];
    const std::uint64_t quotient = by.quotient(magnitude(difference));
    divided_.push_back(difference >> 63 != 0 ? 0 - quotient : quotient);
  }
  return divided_;
}

IntegerWriter::Stats IntegerWriter::predict(std::span<const std::uint64_t> values, Predict how) {
  front_.clear();
  Writer front(front_);
  misses_.resize(values.size());
  std::size_t skip = 0;
  if (how == Predict::plain) std::ranges::copy(values, misses_.begin());
  if (how == Predict::zigzag) std::ranges::transform(values, misses_.begin(), zigzag_of);
  if (how == Predict::offset) {
    const auto low =
        std::ranges::min(values, {}, [](auto v) { return static_cast<std::int64_t>(v); });
    front.varint(zigzag_of(low));
    std::ranges::transform(values, misses_.begin(), [low](auto v) { return v - low; });
  }
  if (how == Predict::delta || how == Predict::delta2) {
    front.varint(zigzag_of(values[0]));
    skip = 1;
    for (std::size_t i = 1; i < values.size(); ++i)
      misses_[i] = zigzag_of(values[i] - values[i - 1]);
  }
  if (how == Predict::delta2 && values.size() > 1) {
    front.varint(zigzag_of(values[1] - values[0]));
    skip = 2;
    for (std::size_t i = 2; i < values.size(); ++i) {
      misses_[i] = zigzag_of(values[i] - 2 * values[i - 1] + values[i - 2]);
    }
  }
  misses_.erase(misses_.begin(), misses_.begin() + static_cast<std::ptrdiff_t>(skip));
  Stats stats;
  std::uint64_t bits = 0, last = 0;
  for (std::size_t i = 0; i < misses_.size(); ++i) {
    const std::uint64_t m = misses_[i];
    stats.any |= m;
    stats.zeros += m == 0 ? 1 : 0;
    stats.runs += i == 0 || m != last ? 1 : 0;
    stats.varint_bytes += varint_bytes(m);
    bits += static_cast<std::uint64_t>(std::bit_width(m));
    last = m;
  }
  stats.cost = stats.zeros + (misses_.size() - stats.zeros) * 4 + bits * 4 + front_.size() * 32;
  return stats;
}

Predict IntegerWriter::choose(std::span<const std::uint64_t> values) {
  Predict best = Predict::plain;
  std::uint64_t best_cost = ~std::uint64_t{0};
  for (std::uint8_t p = 0; p < kPredictCount; ++p) {
    const std::uint64_t cost = predict(values, static_cast<Predict>(p)).cost;
    if (cost >= best_cost) continue;
    best = static_cast<Predict>(p);
    best_cost = cost;
  }
  return best;
}

std::uint64_t IntegerWriter::cost(std::span<const std::uint64_t> values) {
  if (values.empty()) return 0;
  const std::uint64_t unit = values.size() < kUnitPays ? 1 : common_unit(values);
  if (unit == 0) return 8 + 32 * varint_bytes(zigzag_of(values[0]));
  const auto series = unit > 1 ? divide(values, unit) : values;
  std::uint64_t best = ~std::uint64_t{0};
  for (std::uint8_t p = 0; p < kPredictCount; ++p) {
    best = std::min(best, predict(series, static_cast<Predict>(p)).cost);
  }
  return best;
}

std::size_t IntegerWriter::compressed_bytes(Bytes bytes) {
  compressed_.clear();
  return compressor_.compress(bytes, kTrialLevel, compressed_) ? compressed_.size() : bytes.size();
}

void IntegerWriter::write_misses(Layout layout, const Stats& stats, Buffer& to) {
  switch (layout) {
    case Layout::zeros: return;
    case Layout::varints: {
      Writer writer(to);
      for (std::uint64_t m : misses_) writer.varint(m);
      return;
    }
    case Layout::planes: return write_planes(misses_, width_of(stats.any), to);
    case Layout::runs: return write_runs(misses_, stats.runs, to);
    case Layout::bits: return write_bits(misses_, to);
    case Layout::sparse: return write_sparse(misses_, stats.zeros, to);
  }
}

// Effort::max: the best two predictions, in each layout that fits, compressed.
void IntegerWriter::write_smallest(std::span<const std::uint64_t> values, std::uint8_t flags,
                                   std::uint8_t& hint, Buffer& to) {
  std::pair<std::uint64_t, Predict> ranked[kPredictCount];
  for (std::uint8_t p = 0; p < kPredictCount; ++p) {
    ranked[p] = {predict(values, static_cast<Predict>(p)).cost, static_cast<Predict>(p)};
  }
  std::ranges::sort(ranked, {}, [](const auto& r) { return r.first; });
  std::size_t best_bytes = ~std::size_t{0};
  best_.clear();
  for (std::size_t rank = 0; rank < 2; ++rank) {
    const Predict how = ranked[rank].second;
    const Stats stats = predict(values, how);
    const std::size_t count = misses_.size();
    for (Layout layout : {Layout::zeros, Layout::planes, Layout::varints, Layout::runs,
                          Layout::bits, Layout::sparse}) {
      const bool fits = layout == Layout::zeros    ? stats.zeros == count
                        : layout == Layout::bits   ? stats.any <= 1
                        : layout == Layout::runs   ? stats.runs * 2 < count
                        : layout == Layout::sparse ? stats.zeros * 2 > count
                                                   : stats.zeros != count;
      if (!fits) continue;
      trial_.assign(1, head_of(how, layout, flags));
      append(trial_, front_);
      write_misses(layout, stats, trial_);
      const std::size_t bytes = compressed_bytes(trial_);
      if (bytes >= best_bytes) continue;
      best_bytes = bytes;
      best_.swap(trial_);
      hint = static_cast<std::uint8_t>(how);
    }
  }
  to.push_back(best_[0]);
  append(to, Bytes(best_).subspan(1));
}

void IntegerWriter::write(std::span<const std::uint64_t> values, Effort effort, std::uint8_t& hint,
                          Buffer& to) {
  if (values.empty()) return;
  const std::uint64_t unit = common_unit(values);
  if (unit == 0) {  // All the same.
    to.push_back(head_of(Predict::delta, Layout::zeros, 0));
    return Writer(to).varint(zigzag_of(values[0]));
  }
  const std::size_t head_at = to.size();
  std::uint8_t flags = 0;
  std::span<const std::uint64_t> series = values;
  to.push_back(0);
  if (unit > 1 && values.size() >= kUnitPays) {
    flags = kUnitFlag;
    Writer(to).varint(unit);
    Writer(to).varint(zigzag_of(values[0]));
    series = divide(values, unit);
  }
  if (effort == Effort::max) {
    const std::size_t at = to.size();
    write_smallest(series, flags, hint, to);
    to[head_at] = to[at];
    to.erase(to.begin() + static_cast<std::ptrdiff_t>(at));
    return;
  }
  if (effort != Effort::fast || hint >= kPredictCount) {
    hint = static_cast<std::uint8_t>(choose(series));
  }
  const Stats stats = predict(series, static_cast<Predict>(hint));
  const Layout layout =
      layout_by_rule(misses_.size(), stats.zeros, stats.runs, stats.varint_bytes, stats.any);
  to[head_at] = head_of(static_cast<Predict>(hint), layout, flags);
  append(to, front_);
  write_misses(layout, stats, to);
}

namespace {

void read_varints(Reader& from, std::span<std::uint64_t> misses) {
  for (std::uint64_t& m : misses) m = from.varint();
}

void read_planes(Reader& from, std::span<std::uint64_t> misses) {
  const unsigned width = from.u8();
  if (width == 0 || width > 8 || misses.size() > from.left() / width) return from.fail();
  std::ranges::fill(misses, 0);
  for (unsigned plane = 0; plane < width; ++plane) {
    const Bytes bytes = from.raw(misses.size());
    for (std::size_t i = 0; i < misses.size(); ++i) {
      misses[i] |= static_cast<std::uint64_t>(bytes[i]) << (8 * plane);
    }
  }
}

// All values, then all lengths: two readers walk side by side.
void read_runs(Reader& from, std::span<std::uint64_t> misses) {
  const std::uint64_t runs = from.varint();
  if (from.failed() || runs > misses.size() || runs > from.left()) return from.fail();
  Reader values = from;
  for (std::uint64_t n = 0; n < runs; ++n) from.varint();
  std::size_t at = 0;
  for (std::uint64_t n = 0; n < runs && !from.failed(); ++n) {
    const std::uint64_t value = values.varint(), length = from.varint();
    if (from.failed() || length >= misses.size() - at) return from.fail();
    const auto end = at + static_cast<std::size_t>(length) + 1;
    std::fill(misses.begin() + static_cast<std::ptrdiff_t>(at),
              misses.begin() + static_cast<std::ptrdiff_t>(end), value);
    at = end;
  }
  if (at != misses.size()) from.fail();
}

void read_bits(Reader& from, std::span<std::uint64_t> misses) {
  const Bytes bits = from.raw((misses.size() + 7) / 8);
  if (from.failed()) return;
  for (std::size_t i = 0; i < misses.size(); ++i) misses[i] = bits[i / 8] >> (i % 8) & 1;
}

void read_sparse(Reader& from, std::span<std::uint64_t> misses) {
  const std::uint64_t count = from.varint();
  if (from.failed() || count > misses.size() || count > from.left()) return from.fail();
  std::ranges::fill(misses, 0);
  std::size_t at = 0;
  for (std::uint64_t n = 0; n < count; ++n, ++at) {
    const std::uint64_t gap = from.varint();
    if (from.failed() || gap >= misses.size() - at) return from.fail();
    at += static_cast<std::size_t>(gap);
    misses[at] = 1;
  }
  for (std::uint64_t& m : misses) {
    if (m != 0) m = from.varint() + 1;
  }
}

Read read_misses(Reader& from, std::uint8_t layout, std::span<std::uint64_t> misses) {
  switch (static_cast<Layout>(layout)) {
    case Layout::zeros: std::ranges::fill(misses, 0); return Read::ok;
    case Layout::varints: read_varints(from, misses); break;
    case Layout::planes: read_planes(from, misses); break;
    case Layout::runs: read_runs(from, misses); break;
    case Layout::bits: read_bits(from, misses); break;
    case Layout::sparse: read_sparse(from, misses); break;
    default: return Read::newer;
  }
  return from.failed() ? Read::damaged : Read::ok;
}

void undo(Predict how, std::span<std::uint64_t> values, std::uint64_t step) {
  if (how == Predict::plain) return;
  if (how == Predict::zigzag) {
    for (std::uint64_t& v : values) v = unzigzag_of(v);
  }
  if (how == Predict::delta) {
    for (std::size_t i = 1; i < values.size(); ++i)
      values[i] = values[i - 1] + unzigzag_of(values[i]);
  }
  if (how == Predict::delta2) {
    for (std::size_t i = 2; i < values.size(); ++i) {
      step += unzigzag_of(values[i]);
      values[i] = values[i - 1] + step;
    }
  }
}

}  // namespace

Read read_integers(Reader& from, std::span<std::uint64_t> values) {
  if (values.empty()) return Read::ok;
  const std::uint8_t head = from.u8();
  if ((head & kPredictMask) >= kPredictCount) return from.failed() ? Read::damaged : Read::newer;
  const auto how = static_cast<Predict>(head & kPredictMask);
  std::uint64_t unit = 1, base = 0, step = 0;
  if ((head & kUnitFlag) != 0) {
    unit = from.varint();
    base = unzigzag_of(from.varint());
  }
  std::size_t given = 0;
  if (how == Predict::delta || how == Predict::delta2) values[given++] = unzigzag_of(from.varint());
  if (how == Predict::delta2 && values.size() > 1) {
    step = unzigzag_of(from.varint());
    values[given++] = values[0] + step;
  }
  const std::uint64_t low = how == Predict::offset ? unzigzag_of(from.varint()) : 0;
  if (from.failed()) return Read::damaged;
  if (const Read r = read_misses(from, head >> 4, values.subspan(given)); r != Read::ok) return r;
  undo(how, values, step);
  if (how == Predict::offset || unit != 1 || base != 0) {
    for (std::uint64_t& v : values) v = base + unit * (v + low);
  }
  return Read::ok;
}

}  // namespace pinaflux::seal
