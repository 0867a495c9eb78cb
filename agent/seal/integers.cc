#include "agent/seal/integers.h"

// A series begins with one byte: prediction (bits 0 to 2), a flag for a common unit (bit 3), layout
// (bits 4 to 7). With a unit, the unit and the first value follow, and what is predicted is the
// distance from the first value, divided: 10.00, 10.25, 11.00 as hundredths is 0, 1, 4 in units of
// 25. Then come the values that the prediction starts from, then the misses.
//
// Numbers that come again at uneven distances (squares, a price list) are listed instead, if that is cheaper: their list
// and the places in it are two series of this kind, one behind the other.
//
// Which prediction: those whose misses have the fewest bits are tried with each context of the coder, whose
// cost is counted without writing. The other layouts are for zstd behind it: they win where a pattern comes
// again, and are tried by compressing them. Trying is remembered from batch to batch (SeriesHint), except
// by Effort::max.

#include <algorithm>
#include <bit>

#include "agent/seal/unit.h"

namespace pinaflux::seal {

namespace {

constexpr std::size_t kFew = 64;  // Misses; below, a prefix code may cost more than it saves.
constexpr std::uint64_t kRoughness = 10;  // What fast counts is wrong by a tenth.
constexpr std::size_t kUnitPays = 8;      // Values; below, a unit costs more than it saves.
constexpr int kTrialLevel = 6;
// What comes within a quarter of the best is tried nearly as the envelope will be compressed: more is found.
constexpr int kCloseTrialLevel = 17;
constexpr std::uint64_t kNear = 4;
constexpr std::size_t kFrameBytes = 13;  // Of zstd, which a trial pays alone.
constexpr std::size_t kWidthCoded = 2;
// Where a prefix code is good enough: so much worse, of misses of so many bits (of fewer, the next batch's differ). That costs
// half a percent of an inertial unit's bytes, and opens them a third faster.
constexpr std::uint64_t kPrefixWorth = 48, kNoiseBits = 6;
constexpr std::uint8_t kDistanceMax = 6;
constexpr std::uint64_t kListCost = 3 * 8 * 256;  // Its count, and two heads.
constexpr std::uint64_t kCodeCost = 2 * 8 * 256;  // Shift and context, written.

std::uint8_t head_of(Predict how, Layout layout, std::uint8_t flags) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(how) | flags |
                                   static_cast<unsigned>(layout) << 4);
}

std::size_t varint_bytes(std::uint64_t v) {
  return (static_cast<std::size_t>(std::bit_width(v | 1)) + 6) / 7;
}

unsigned bytes_of(unsigned width) { return std::max(1u, (width + 7) / 8); }

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

bool IntegerWriter::possible(Predict how, std::size_t count) const {
  constexpr Part kParts[kPredictCount] = {Part::zigzag, Part::zigzag, Part::delta,
                                          Part::delta2, Part::offset, Part::key};
  if (how != Predict::plain && !parts_.has(kParts[static_cast<std::size_t>(how)])) return false;
  return how != Predict::key || !neighbours_.keys(count).empty();
}

// Of those that are tried for zstd.
bool IntegerWriter::possible(Layout layout, const Stats& s) const {
  const std::size_t count = misses_.size();
  switch (layout) {
    case Layout::varints: return parts_.has(Part::varints);
    case Layout::runs: return s.runs * 2 < count && parts_.has(Part::runs);
    case Layout::bits: return s.width <= 1 && parts_.has(Part::bits);
    case Layout::sparse: return s.zeros * 2 > count && parts_.has(Part::sparse);
    default: return true;
  }
}

void IntegerWriter::predict_by_key(std::span<const std::uint64_t> values) {
  const auto keys = neighbours_.keys(values.size());
  last_of_key_.assign(neighbours_.key_count(), values[0]);
  std::uint64_t* to = misses_.data();
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint64_t& last = last_of_key_[keys[i]];
    *to++ = zigzag_of(values[i] - last);
    last = values[i];
  }
}

void IntegerWriter::predict(std::span<const std::uint64_t> series, Predict how) {
  front_.clear();
  Writer front(front_);
  misses_.resize(series.size());
  const std::uint64_t* const v = series.data();
  std::uint64_t* const to = misses_.data();
  const std::size_t count = series.size();
  std::size_t skip = 0;
  if (how == Predict::plain) std::copy_n(v, count, to);
  if (how == Predict::zigzag) std::transform(v, v + count, to, zigzag_of);
  if (how == Predict::offset) {
    const auto low =
        std::ranges::min(series, {}, [](auto x) { return static_cast<std::int64_t>(x); });
    front.varint(zigzag_of(low));
    std::transform(v, v + count, to, [low](auto x) { return x - low; });
  }
  if (how == Predict::delta || how == Predict::delta2 || how == Predict::key) {
    front.varint(zigzag_of(v[0]));
    skip = 1;
  }
  if (how == Predict::key) predict_by_key(series);
  if (how == Predict::delta) {
    for (std::size_t i = 1; i < count; ++i) to[i] = zigzag_of(v[i] - v[i - 1]);
  }
  if (how == Predict::delta2 && count > 1) {
    front.varint(zigzag_of(v[1] - v[0]));
    skip = 2;
    for (std::size_t i = 2; i < count; ++i) to[i] = zigzag_of(v[i] - 2 * v[i - 1] + v[i - 2]);
  }
  misses_.erase(misses_.begin(), misses_.begin() + static_cast<std::ptrdiff_t>(skip));
}

IntegerWriter::Stats IntegerWriter::stats() const {
  Stats stats;
  std::uint64_t last = misses_.empty() ? 0 : ~misses_[0];
  for (const std::uint64_t m : misses_) {
    const auto width = static_cast<unsigned>(std::bit_width(m));
    ++stats.widths[width];
    const bool begins = m != last;
    stats.runs += begins ? 1 : 0;
    stats.run_bits += begins ? width : 0;
    last = m;
  }
  std::uint64_t bits = 0;
  for (unsigned width = 0; width <= 64; ++width) {
    bits += std::uint64_t{stats.widths[width]} * width;
    if (stats.widths[width] > 0) stats.width = width;
  }
  stats.zeros = stats.widths[0];
  stats.bits = bits;
  stats.cost = (bits + misses_.size() - stats.zeros + front_.size() * 8) * 256 + stats.zeros * 64;
  return stats;
}

// Cheapest first. Returns how many are possible.
std::size_t IntegerWriter::rank(std::span<const std::uint64_t> values, Ranking& ranking) {
  std::size_t count = 0;
  for (std::uint8_t p = 0; p < kPredictCount; ++p) {
    const auto how = static_cast<Predict>(p);
    if (!possible(how, values.size())) continue;
    predict(values, how);
    ranking[count++] = {stats().cost, how};
  }
  std::stable_sort(ranking.begin(), ranking.begin() + static_cast<std::ptrdiff_t>(count),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return count;
}

std::uint64_t IntegerWriter::cost_of_one(std::span<const std::uint64_t> series, Effort effort) {
  Ranking ranking;
  rank(series, ranking);
  if (effort == Effort::fast) return ranking[0].first;
  predict(series, ranking[0].second);
  Coding code{.shift = shift(stats(), 2)};
  const std::uint64_t plain = code_.cost(misses_, code);
  code.context = Coding::previous;
  return std::min(plain, code_.cost(misses_, code)) + front_.size() * 8 * 256;
}

std::uint64_t IntegerWriter::cost_of_numbers() {
  predict(list_.numbers(), Predict::delta);
  return stats().cost + kListCost;
}

std::uint64_t IntegerWriter::cost(std::span<const std::uint64_t> values, Effort effort) {
  if (values.empty()) return 0;
  const std::uint64_t unit = values.size() < kUnitPays ? 1 : common_unit(values);
  if (unit == 0) return 256 * 8 * (1 + varint_bytes(zigzag_of(values[0])));
  if (unit > 1) divide(values, unit, divided_);
  const auto series = unit > 1 ? std::span<const std::uint64_t>(divided_) : values;
  const std::uint64_t cost = cost_of_one(series, effort);
  if (!parts_.has(Part::list) || !list_.take(series)) return cost;
  return std::min(cost, cost_of_one(list_.places(), effort) + cost_of_numbers());
}

// The width that one in `part` misses does not pass, less what is worth coding.
std::uint8_t IntegerWriter::shift(const Stats& stats, std::size_t part) const {
  std::size_t below = 0, width = 0;
  while (width < 64 && (below += stats.widths[width]) * part < misses_.size()) ++width;
  return static_cast<std::uint8_t>(width > kWidthCoded ? width - kWidthCoded : 0);
}

// Of the misses in misses_, which are the last of `count` values.
Coding IntegerWriter::code_of(const SeriesHint& hint, std::size_t count) const {
  Coding code{.shift = hint.shift, .context = hint.context};
  if (code.context != Coding::reference && code.context != Coding::both) return code;
  code.classes = neighbours_.classes(hint.distance) + (count - misses_.size());
  return code;
}

std::uint64_t IntegerWriter::code_cost(const SeriesHint& hint, std::size_t count) {
  return code_.cost(misses_, code_of(hint, count)) + kCodeCost + front_.size() * 8 * 256;
}

bool IntegerWriter::usable(const SeriesHint& hint, std::size_t count, Effort effort) const {
  if (hint.predict >= kPredictCount || !possible(static_cast<Predict>(hint.predict), count))
    return false;
  if (effort == Effort::fast || hint.layout == SeriesHint::kNone) return true;
  if (hint.layout >= kLayoutCount || hint.layout == static_cast<std::uint8_t>(Layout::zeros))
    return false;
  const bool leans = hint.context == Coding::reference || hint.context == Coding::both;
  return !leans || (neighbours_.rows() == count && neighbours_.classes(hint.distance) != nullptr);
}

void IntegerWriter::try_codes(Effort effort, Predict how, std::size_t count, SeriesHint& best,
                              std::uint64_t& best_cost) {
  const std::uint8_t distance_max = effort == Effort::max ? kDistanceMax : 1;
  const Stats s = stats();
  SeriesHint hint{.predict = static_cast<std::uint8_t>(how),
                  .layout = static_cast<std::uint8_t>(Layout::coded),
                  .shift = shift(s, 2)};
  const auto attempt = [&] {
    if (!usable(hint, count, effort)) return;
    const std::uint64_t cost = code_cost(hint, count);
    if (cost >= best_cost) return;
    best = hint;
    best_cost = cost;
  };
  for (std::uint8_t context = 0; context < Coding::kContexts; ++context) {
    constexpr Part kParts[Coding::kContexts] = {Part::code, Part::previous, Part::reference,
                                                Part::both};
    if (!parts_.has(kParts[context])) continue;
    hint.context = context;
    hint.distance = 0;
    if (context != Coding::reference && context != Coding::both) {
      attempt();
      continue;
    }
    for (; hint.distance <= distance_max; ++hint.distance) attempt();
  }
  // Small misses among large ones.
  if (best.predict != hint.predict || best.shift == 0 || effort == Effort::fast) return;
  hint = best;
  for (const std::size_t part : {std::size_t{4}, std::size_t{12}}) {
    hint.shift = shift(s, part);
    if (hint.shift != best.shift) attempt();
  }
}

// What zstd finds, the coder does not: a pattern that comes again.
void IntegerWriter::try_layouts(Predict how, SeriesHint& best, std::uint64_t& best_cost) {
  const Stats s = stats();
  const std::size_t count = misses_.size();
  for (const Layout layout :
       {Layout::planes, Layout::varints, Layout::runs, Layout::bits, Layout::sparse}) {
    if (!possible(layout, s)) continue;
    trial_.assign(front_.begin(), front_.end());
    const SeriesHint hint{.predict = static_cast<std::uint8_t>(how),
                          .layout = static_cast<std::uint8_t>(layout)};
    write_misses(hint, count, trial_);
    std::uint64_t cost = compressed_bytes(kTrialLevel) * 8 * 256;
    if (cost <= best_cost || cost - best_cost < best_cost / kNear) {
      cost = std::min<std::uint64_t>(cost, compressed_bytes(kCloseTrialLevel) * 8 * 256);
    }
    if (cost >= best_cost) continue;
    best = hint;
    best_cost = cost;
  }
}

// By what the misses are, without a trial. About how many bits it takes.
std::uint64_t IntegerWriter::choose_fast(const Stats& s, SeriesHint& hint) {
  const std::size_t count = misses_.size();
  const auto use = [&hint](Layout layout) { hint.layout = static_cast<std::uint8_t>(layout); };
  if (s.width == 0) return 0;
  const std::size_t others = count - s.zeros;
  // zstd behind them halves the bytes that say where, roughly.
  const std::uint64_t sparse = 24 + others * 6 + s.bits + others * 1;
  const std::uint64_t runs = 24 + s.runs * 6 + s.run_bits + (s.width > 1 ? s.runs : 0);
  const unsigned top = shift(s, 8);
  hint.shift = static_cast<std::uint8_t>(top > 1 ? top - 1 : 0);
  const std::uint64_t coded = prefix_.prepare(misses_, hint.shift);
  use(Layout::prefix);
  std::uint64_t best = parts_.has(Part::prefix) ? coded : ~std::uint64_t{0};
  if (sparse < best && parts_.has(Part::sparse)) {
    use(Layout::sparse);
    best = sparse;
  }
  if (runs < best && parts_.has(Part::runs)) {
    use(Layout::runs);
    best = runs;
  }
  const std::uint64_t planes = 8 + 7 * bytes_of(s.width) * count;
  if (count < kFew && planes < best) {
    use(Layout::planes);
    best = planes;
  }
  if (s.width <= 1 && count < best && parts_.has(Part::bits)) {
    use(Layout::bits);
    best = count;
  }
  return best + front_.size() * 8;
}

// A short series teaches the code little, and zstd finds its bytes in other columns or in a dictionary.
void IntegerWriter::try_fast(Predict how, SeriesHint& best, std::uint64_t& best_cost) {
  SeriesHint hint{.predict = static_cast<std::uint8_t>(how)};
  const std::uint64_t cost = choose_fast(stats(), hint) * 256;
  if (hint.layout == static_cast<std::uint8_t>(Layout::prefix)) return;
  if (cost + cost / kRoughness >= best_cost) return;
  hint.layout = SeriesHint::kNone;
  best = hint;
  best_cost = cost;
}

// It is read many times as fast as the adaptive code: a little larger is good enough.
void IntegerWriter::try_prefix(std::span<const std::uint64_t> values, const Ranking& ranking,
                               std::size_t tried, SeriesHint& best, std::uint64_t best_cost) {
  std::uint64_t least = best_cost + best_cost / kPrefixWorth;
  for (std::size_t n = 0; n < tried; ++n) {
    predict(values, ranking[n].second);
    const Stats s = stats();
    const unsigned top = shift(s, 8);
    for (unsigned less = 0; less <= std::min(top, 3u); ++less) {
      const std::uint64_t cost = (prefix_.prepare(misses_, top - less) + front_.size() * 8) * 256;
      if (cost > least || cost < misses_.size() * kNoiseBits * 256) continue;
      least = cost;
      best = {.predict = static_cast<std::uint8_t>(ranking[n].second),
              .layout = static_cast<std::uint8_t>(Layout::prefix),
              .shift = static_cast<std::uint8_t>(top - less)};
    }
  }
}

SeriesHint IntegerWriter::search_one(std::span<const std::uint64_t> values, Effort effort,
                                     std::uint64_t& best_cost) {
  Ranking ranking;
  const std::size_t tried =
      std::min(rank(values, ranking), std::size_t{effort == Effort::max ? 3u : 2u});
  if (effort == Effort::fast) {
    best_cost = ranking[0].first;
    return {.predict = static_cast<std::uint8_t>(ranking[0].second), .layout = SeriesHint::kNone};
  }
  SeriesHint best;
  best_cost = ~std::uint64_t{0};
  for (std::size_t n = 0; n < tried; ++n) {
    predict(values, ranking[n].second);
    const bool codes = parts_.has(Part::code);
    if (codes) try_codes(effort, ranking[n].second, values.size(), best, best_cost);
    if (effort == Effort::max || !codes) try_layouts(ranking[n].second, best, best_cost);
    if (effort == Effort::standard && values.size() < kFew)
      try_fast(ranking[n].second, best, best_cost);
  }
  if (parts_.has(Part::prefix)) try_prefix(values, ranking, tried, best, best_cost);
  return best;
}

SeriesHint IntegerWriter::search(std::span<const std::uint64_t> series, Effort effort) {
  std::uint64_t alone = 0, listed = 0;
  const SeriesHint hint = search_one(series, effort, alone);
  if (!parts_.has(Part::list) || !list_.take(series)) return hint;
  const std::uint64_t numbers = cost_of_numbers();
  if (numbers + cost_of_one(list_.places(), effort) > alone + alone / kNear) return hint;
  SeriesHint places = search_one(list_.places(), effort, listed);
  if (listed + numbers >= alone) return hint;
  places.listed = true;
  return places;
}

std::size_t IntegerWriter::compressed_bytes(int level) {
  compressed_.clear();
  if (!compressor_.compress(trial_, level, compressed_)) return trial_.size();
  return std::max(compressed_.size(), kFrameBytes + 1) - kFrameBytes;
}

// `count` values, whose last are the misses in misses_.
void IntegerWriter::write_misses(const SeriesHint& hint, std::size_t count, Buffer& to) {
  switch (static_cast<Layout>(hint.layout)) {
    case Layout::zeros: return;
    case Layout::varints: {
      Writer writer(to);
      for (const std::uint64_t m : misses_) writer.varint(m);
      return;
    }
    case Layout::planes: return write_planes(misses_, bytes_of(stats().width), to);
    case Layout::runs: return write_runs(misses_, stats().runs, to);
    case Layout::bits: return write_bits(misses_, to);
    case Layout::sparse: return write_sparse(misses_, stats().zeros, to);
    case Layout::prefix: return prefix_.write(misses_, to);
    case Layout::coded: {
      const Coding code = code_of(hint, count);
      to.push_back(code.shift);
      to.push_back(code.context);
      if (code.classes != nullptr) to.push_back(hint.distance);
      return code_.write_misses(misses_, code, to);
    }
  }
}

// Behind its head, and its unit if it has one.
void IntegerWriter::write_one(std::span<const std::uint64_t> series, Effort effort, SeriesHint used,
                              std::uint8_t flags, std::size_t head_at, Buffer& to) {
  predict(series, static_cast<Predict>(used.predict));
  const Stats s = stats();
  if (used.layout == SeriesHint::kNone || effort == Effort::fast) choose_fast(s, used);
  if (s.width == 0) used.layout = static_cast<std::uint8_t>(Layout::zeros);
  if (used.layout == static_cast<std::uint8_t>(Layout::prefix) && effort != Effort::fast)
    prefix_.prepare(misses_, used.shift);
  if (used.layout == static_cast<std::uint8_t>(Layout::bits) && s.width > 1)
    used.layout = static_cast<std::uint8_t>(Layout::planes);
  to[head_at] =
      head_of(static_cast<Predict>(used.predict), static_cast<Layout>(used.layout), flags);
  append(to, front_);
  write_misses(used, series.size(), to);
  if (effort == Effort::fast) return;  // Nothing leans on classes.
  const bool shifted = used.layout == static_cast<std::uint8_t>(Layout::coded) ||
                       used.layout == static_cast<std::uint8_t>(Layout::prefix);
  neighbours_.keep(series.size(), misses_, shifted ? used.shift : 0);
}

// What list_ holds.
void IntegerWriter::write_listed(Effort effort, const SeriesHint& hint, Buffer& to) {
  const auto write_next = [&](std::span<const std::uint64_t> series, const SeriesHint& as) {
    to.push_back(0);
    write_one(series, effort, as, 0, to.size() - 1, to);
  };
  std::uint64_t cost = 0;
  Writer(to).varint(list_.numbers().size());
  write_next(list_.numbers(), search_one(list_.numbers(), effort, cost));
  write_next(list_.places(), hint);
}

void IntegerWriter::write(std::span<const std::uint64_t> values, Effort effort, SeriesHint& hint,
                          Buffer& to) {
  if (values.empty()) return;
  const std::uint64_t unit = common_unit(values);
  if (unit == 0) {  // All the same.
    to.push_back(head_of(Predict::delta, Layout::zeros, 0));
    misses_.assign(values.size() - 1, 0);
    if (effort != Effort::fast) neighbours_.keep(values.size(), misses_, 0);
    return Writer(to).varint(zigzag_of(values[0]));
  }
  const std::size_t head_at = to.size();
  std::uint8_t flags = 0;
  std::span<const std::uint64_t> series = values;
  to.push_back(0);
  if (unit > 1 && values.size() >= kUnitPays && parts_.has(Part::unit)) {
    flags = kUnitFlag;
    Writer(to).varint(unit);
    Writer(to).varint(zigzag_of(values[0]));
    divide(values, unit, divided_);
    series = divided_;
  }
  const bool known = effort != Effort::max && usable(hint, values.size(), effort);
  if (!known || (hint.listed && !list_.take(series))) hint = search(series, effort);
  if (!hint.listed) return write_one(series, effort, hint, flags, head_at, to);
  to[head_at] = head_of(Predict::listed, Layout::zeros, flags);
  write_listed(effort, hint, to);
}

}  // namespace pinaflux::seal
