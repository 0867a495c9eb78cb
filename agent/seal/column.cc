#include "agent/seal/column.h"

// A column begins with its kind: a type for all cells, or `number`, or `mixed`. JSON writes 20 and
// 20.5 in one column, and both types must come back: in a column of kind number a whole value is an
// int64 and any other a float64, so that the types cost nothing. Where that rule does not give back
// what came, and where nulls stand between, the column is mixed.
//
// A double that was typed, printed or scaled by a sensor is a short decimal, or was one before
// somebody calculated with it: 74.93588199999998 is 74.935882 and two units in the last place less.
// So a double is written as an integer m and an integer k, with bits(v) = bits(m / 10^e) + k for
// one e of the column. k is 0 for decimals, small for almost decimals, and whatever it takes for
// anything else (NaN, -0.0, 1e300), so that no value needs an exception. A column where this does
// not pay is written as its bits.

#include <algorithm>
#include <cstring>

#include "agent/seal/kinds.h"

namespace pinaflux::seal {

namespace {

constexpr std::size_t kSamples = 48;
constexpr double kExactMax = 0x1p47;  // Beyond, no further decimal makes it exact.
// Batches that a hint is trusted for.
constexpr std::uint8_t kTrustFast = 32, kTrustStandard = 8;
constexpr std::uint64_t kPrintingCost = 12 * 8 * 256;  // Written.
constexpr unsigned kProbesMax = 32;  // Hostile texts may collide: then they stand twice.

std::int64_t nearest(double v, int scale, std::int64_t otherwise) {
  const double x = v * kPower[static_cast<std::size_t>(scale)];
  if (!(std::fabs(x) <= kWholeMax)) return otherwise;
  if (std::fabs(x) >= 0x1p51) return static_cast<std::int64_t>(x);
  const double shifted = x + kRounder;
  return static_cast<std::int64_t>(shifted - kRounder);
}

std::uint64_t miss(double v, std::int64_t m, int scale) {
  return bits_of(v) - bits_of(decimal(m, scale));
}

// About how many bits m and k take together at this exponent.
int spelling_bits(double v, int scale) {
  const std::int64_t m = nearest(v, scale, 0);
  const auto k = static_cast<std::int64_t>(miss(v, m, scale));
  const int of_k = std::bit_width(zigzag(k));
  return std::bit_width(zigzag(m)) + (k == 0 ? 0 : 2 + of_k + of_k / 2);
}

// The smallest exponent that gives v exactly; kScaleMax + 1: none.
int exact_scale(double v) {
  for (int scale = 0; scale <= kScaleMax; ++scale) {
    const std::int64_t m = nearest(v, scale, 0);
    if (miss(v, m, scale) == 0) return scale;
    if (std::fabs(static_cast<double>(m)) >= kExactMax) break;
  }
  return kScaleMax + 1;
}

constexpr std::size_t kEndBytes = 8;

}  // namespace

ColumnWriter::Ends ColumnWriter::ends_of(std::string_view text) {
  Ends ends;
  const std::size_t some = std::min(text.size(), kEndBytes);
  if (some == kEndBytes) {
    std::memcpy(&ends.head, text.data(), kEndBytes);
    std::memcpy(&ends.tail, text.data() + text.size() - kEndBytes, kEndBytes);
  } else if (some > 0) {
    std::memcpy(&ends.head, text.data(), some);
  }
  return ends;
}

std::uint32_t ColumnWriter::Ends::hash(std::size_t size) const {
  const std::uint64_t mixed = (head ^ std::rotl(tail, 29) ^ size) * 0x9e3779b97f4a7c15;
  return static_cast<std::uint32_t>(mixed >> 32 ^ mixed >> 17);
}

// Short ones are their ends.
bool ColumnWriter::same_text(std::size_t entry, std::string_view text, const Ends& ends) const {
  return entries_[entry].size() == text.size() && ends_[entry] == ends &&
         (text.size() <= 2 * kEndBytes || entries_[entry] == text);
}

void ColumnWriter::write(std::span<const Value> cells, Effort effort, ColumnHint& hint,
                         Buffer& to) {
  unsigned mask = 0;
  for (const Value& v : cells) mask |= 1u << static_cast<unsigned>(v.type());
  effort_ = effort;
  hint_ = &hint;
  if (++hint.uses > (effort == Effort::fast ? kTrustFast : kTrustStandard) || effort == Effort::max)
    hint = ColumnHint{.uses = 1};
  neighbours_.begin_column();
  if (std::popcount(mask) == 1) {
    const auto kind = static_cast<std::uint8_t>(std::countr_zero(mask));
    to.push_back(kind);
    return write_kind(cells, kind, to);
  }
  constexpr auto kInt = static_cast<unsigned>(Type::int64),
                 kFloat = static_cast<unsigned>(Type::float64);
  constexpr unsigned kBoth = 1u << kInt | 1u << kFloat;
  const bool number =
      (mask & kBoth) == kBoth && std::ranges::all_of(cells, [](const Value& v) {
        if (v.type() == Type::float64) return !is_whole(v.as_float64());
        return v.type() != Type::int64 || std::abs(v.as_int64() / 2) < std::int64_t{1} << 52;
      });
  if (number && mask == kBoth) {
    to.push_back(kKindNumber);
    return write_kind(cells, kKindNumber, to);
  }
  to.push_back(kKindMixed);
  kinds_.clear();
  for (const Value& v : cells) {
    const auto type = static_cast<unsigned>(v.type());
    kinds_.push_back(number && (kBoth >> type & 1) != 0 ? kKindNumber : type);
  }
  write_series(kinds_, 3, to);
  if (number) mask = (mask & ~kBoth) | 1u << kKindNumber;
  for (std::uint8_t kind = 2; kind <= kKindNumber; ++kind) {
    if ((mask >> kind & 1) == 0) continue;
    some_.clear();
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (kinds_[i] == kind) some_.push_back(cells[i]);
    }
    write_kind(some_, kind, to);
  }
}

void ColumnWriter::write_series(std::span<const std::uint64_t> values, std::size_t slot,
                                Buffer& to) {
  integers_.write(values, effort_, hint_->series[slot], to);
}

// All cells are of this kind.
void ColumnWriter::write_kind(std::span<const Value> cells, std::uint8_t kind, Buffer& to) {
  const auto type = static_cast<Type>(kind);
  if (type == Type::absent || type == Type::null) return;
  if (type == Type::text || type == Type::bytes) return write_texts(cells, to);
  bits_.resize(cells.size());
  std::ranges::transform(cells, bits_.begin(), [kind](const Value& v) {
    return kind == kKindNumber ? bits_of(v.to_double()) : v.as_uint64();
  });
  if (type == Type::float64 || kind == kKindNumber) return write_doubles(to);
  write_series(bits_, 0, to);
}

bool ColumnWriter::float32_fits() const {
  return std::ranges::all_of(bits_, [](std::uint64_t bits) {
    const double v = double_of(bits);
    return std::fabs(v) <= 0x1.fffffep127 &&
           bits_of(static_cast<double>(static_cast<float>(v))) == bits;
  });
}

// m to first_, k to second_. Returns how many k are not 0.
std::size_t ColumnWriter::split_decimals(int scale) {
  first_.resize(bits_.size());
  second_.resize(bits_.size());
  std::uint64_t* ms = first_.data();
  std::uint64_t* ks = second_.data();
  std::size_t misses = 0;
  std::int64_t m = 0;
  for (const std::uint64_t bits : bits_) {
    const double v = double_of(bits);
    m = nearest(v, scale, m);
    const std::uint64_t k = miss(v, m, scale);
    misses += k != 0 ? 1 : 0;
    *ms++ = static_cast<std::uint64_t>(m);
    *ks++ = k;
  }
  return misses;
}

// What was printed to first_ (steps, or floats in their order), how many floats a step is wrong to third_, k to
// second_. Returns how many of these two are not 0.
std::size_t ColumnWriter::split_printed(const Printing& how) {
  const std::size_t count = bits_.size();
  first_.resize(count);
  second_.resize(count);
  third_.resize(how.single && how.step != 0 ? count : 0);
  const auto single_of = [](double v) {
    return std::fabs(v) <= 0x1.fffffep127 ? static_cast<float>(v) : 0;
  };
  const auto steps_of = [&how](double v) {
    const double k = nearest_whole(v / how.step);
    return std::fabs(k) <= kWholeMax ? static_cast<std::int64_t>(k) : 0;
  };
  const Printer printed(how);
  std::size_t misses = 0;
  // `take` gives what was printed, and what its text came from.
  const auto each = [&](auto take) {
    for (std::size_t i = 0; i < count; ++i) {
      const double v = double_of(bits_[i]);
      const auto [first, back, wrong] = take(v);
      const std::uint64_t k = bits_[i] - bits_of(printed(back));
      first_[i] = static_cast<std::uint64_t>(first);
      second_[i] = k;
      if (!third_.empty()) third_[i] = static_cast<std::uint64_t>(wrong);
      misses += k != 0 || wrong != 0 ? 1 : 0;
    }
  };
  struct Taken {
    std::int64_t first;
    double back;
    std::int64_t wrong;
  };
  if (how.step == 0) {
    each([&](double v) {
      const std::int64_t order = order_of(single_of(v));
      return Taken{order, static_cast<double>(float_of(static_cast<std::uint64_t>(order))), 0};
    });
  } else if (how.single) {
    each([&](double v) {
      const float single = single_of(v);
      const std::int64_t k = steps_of(static_cast<double>(single));
      const auto whole = static_cast<float>(stepped(static_cast<std::uint64_t>(k), how));
      const std::int64_t order = order_of(single);
      return Taken{k, static_cast<double>(float_of(static_cast<std::uint64_t>(order))),
                   order - order_of(whole)};
    });
  } else {
    each([&](double v) {
      const std::int64_t k = steps_of(v);
      return Taken{k, stepped(static_cast<std::uint64_t>(k), how), 0};
    });
  }
  return misses;
}

// Into the series that the mode is written as.
std::size_t ColumnWriter::split(const DoublesMode& mode) {
  if (mode.number >= kDecimal) return split_decimals(mode.number - kDecimal);
  if (mode.number == kPrintedFloats || mode.number == kPrintedSteps)
    return split_printed(mode.printing);
  first_ = bits_;
  if (mode.number == kBits32) {
    for (std::uint64_t& v : first_)
      v = std::bit_cast<std::uint32_t>(static_cast<float>(double_of(v)));
  }
  return 0;
}

// From samples: the exponent that makes all exact, nine of ten exact, and the one with
// the shortest spellings (a difference of two decimals is wrong by units of the larger one's last place).
void ColumnWriter::decimal_candidates() {
  std::array<std::size_t, kScaleMax + 2> exact{};
  const std::size_t step = std::max<std::size_t>(1, bits_.size() / kSamples);
  std::size_t count = 0;
  std::array<int, kScaleMax + 1> spelling{};
  for (std::size_t i = 0; i < bits_.size(); i += step, ++count) {
    for (int scale = 0; scale <= kScaleMax; ++scale)
      spelling[static_cast<std::size_t>(scale)] += spelling_bits(double_of(bits_[i]), scale);
    ++exact[static_cast<std::size_t>(exact_scale(double_of(bits_[i])))];
  }
  const auto add_scale = [&](std::ptrdiff_t scale) {
    const auto mode = static_cast<std::uint8_t>(kDecimal + scale);
    if (std::ranges::find(modes_, mode, &DoublesMode::number) == modes_.end())
      modes_.push_back({.number = mode});
  };
  const auto add = [&](const auto& histogram, std::size_t most) {
    std::size_t sum = 0;
    for (std::size_t scale = 0; scale <= kScaleMax; ++scale) {
      sum += histogram[scale];
      if (sum >= most && sum > 0) return add_scale(static_cast<std::ptrdiff_t>(scale));
    }
  };
  add(exact, count - exact[kScaleMax + 1]);
  add(exact, count - count / 10);
  if (parts_.has(Part::shortest)) add_scale(std::ranges::min_element(spelling) - spelling.begin());
}

DoublesMode ColumnWriter::choose_doubles() {
  modes_.assign(1, {.number = kBits64});
  if (float32_fits()) modes_.push_back({.number = kBits32});
  if (parts_.has(Part::decimals)) decimal_candidates();
  guesses_.clear();
  guess_printing(bits_, guesses_);
  for (const Printing& guess : guesses_) {
    if (!parts_.has(guess.step != 0 ? Part::steps : Part::floats)) continue;
    modes_.push_back({guess.single ? kPrintedFloats : kPrintedSteps, guess});
  }
  DoublesMode best;
  std::uint64_t best_cost = ~std::uint64_t{0};
  for (const DoublesMode& mode : modes_) {
    const std::size_t misses = split(mode);
    std::uint64_t cost = integers_.cost(first_, effort_);
    const bool is_printed = mode.number == kPrintedFloats || mode.number == kPrintedSteps;
    if (is_printed || mode.number >= kDecimal) cost += integers_.cost(second_, effort_);
    if (is_printed && mode.printing.single && mode.printing.step != 0)
      cost += integers_.cost(third_, effort_);
    if (is_printed) cost += kPrintingCost;
    if (cost >= best_cost) continue;
    best = mode;
    best_cost = cost;
    hint_->misses_max = static_cast<std::uint32_t>(misses * 2 + bits_.size() / 8);
  }
  return best;
}

void ColumnWriter::write_doubles(Buffer& to) {
  DoublesMode& mode = hint_->doubles;
  const bool trusted =
      mode.number != DoublesMode::kNone && (mode.number != kBits32 || float32_fits());
  if (!trusted) mode = choose_doubles();
  // The sensor changed its habits: more decimals than it had before.
  if (split(mode) > hint_->misses_max && trusted) {
    *hint_ = ColumnHint{.uses = 1};
    mode = choose_doubles();
    split(mode);
  }
  to.push_back(mode.number);
  const bool is_printed = mode.number == kPrintedFloats || mode.number == kPrintedSteps;
  if (is_printed) {
    to.push_back(mode.printing.digits);
    to.push_back(mode.printing.decimals);
    Writer(to).u64(bits_of(mode.printing.step));
  }
  write_series(first_, 0, to);
  if (is_printed && mode.printing.single && mode.printing.step != 0) write_series(third_, 4, to);
  if (is_printed || mode.number >= kDecimal) write_series(second_, 2, to);
}

// The distinct texts go to entries_, which of them stands where to first_. False: hardly any
// repeats.
bool ColumnWriter::index_texts(std::span<const Value> texts) {
  entries_.clear();
  ends_.clear();
  first_.resize(texts.size());
  slots_.assign(std::bit_ceil(texts.size() * 2 + 2), 0);
  const std::size_t mask = slots_.size() - 1;
  std::size_t last = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string_view text = texts[i].as_text();
    const Ends ends = ends_of(text);
    if (i == 0 || !same_text(last, text, ends)) {
      std::size_t at = ends.hash(text.size()) & mask;
      unsigned probes = 0;
      while (slots_[at] != 0 && !same_text(slots_[at] - 1, text, ends) && ++probes < kProbesMax) {
        at = (at + 1) & mask;
      }
      if (slots_[at] == 0 || !same_text(slots_[at] - 1, text, ends)) {
        entries_.push_back(text);
        ends_.push_back(ends);
        slots_[at] = static_cast<std::uint32_t>(entries_.size());
      }
      last = slots_[at] - 1;
    }
    first_[i] = last;
  }
  return entries_.size() == 1 || entries_.size() * 4 <= texts.size() * 3;
}

void ColumnWriter::write_dictionary(Buffer& to) {
  to.push_back(kTextsDictionary);
  Writer(to).varint(entries_.size());
  second_.clear();
  for (std::string_view e : entries_) second_.push_back(e.size());
  write_series(second_, 2, to);
  for (std::string_view e : entries_) append(to, e);
  write_series(first_, 1, to);
  neighbours_.add_key(first_, entries_.size());
}

void ColumnWriter::write_plain_texts(std::span<const Value> texts, Buffer& to) {
  to.push_back(kTextsPlain);
  second_.clear();
  for (const Value& t : texts) second_.push_back(t.as_text().size());
  write_series(second_, 2, to);
  for (const Value& t : texts) append(to, t.as_text());
}

void ColumnWriter::write_texts(std::span<const Value> texts, Buffer& to) {
  const bool repeats = index_texts(texts) && parts_.has(Part::dictionary);
  return repeats ? write_dictionary(to) : write_plain_texts(texts, to);
}

}  // namespace pinaflux::seal
