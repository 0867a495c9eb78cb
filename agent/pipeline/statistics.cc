// Ties are broken by type and bits, so that "the smallest" is one value, and not one of those that are equal: 1 before
// 1.0, 0.0 before -0.0.

#include "agent/pipeline/statistics.h"

#include <bit>
#include <charconv>
#include <cmath>

#include "agent/pipeline/number_order.h"

namespace pinaflux {

namespace {

constexpr std::uint8_t kNotAllIntegers = 1, kPlusInfinity = 2, kMinusInfinity = 4;

constexpr std::pair<std::string_view, Statistic::Kind> kNames[] = {
    {"count", Statistic::Kind::count},       {"mean", Statistic::Kind::mean},
    {"min", Statistic::Kind::min},           {"max", Statistic::Kind::max},
    {"sum", Statistic::Kind::sum},           {"first", Statistic::Kind::first},
    {"last", Statistic::Kind::last},         {"stddev", Statistic::Kind::stddev},
    {"distinct", Statistic::Kind::distinct}, {"time_mean", Statistic::Kind::time_mean},
};

Value as_number(const Value& value) {
  return value.type() == Type::boolean ? Value::int64(value.as_boolean() ? 1 : 0) : value;
}

bool before(const Value& a, const Value& b) {
  const auto order = compare_number(as_number(a), as_number(b));
  if (order != 0) return order < 0;
  if (a.type() != b.type()) return a.type() < b.type();
  return a.as_uint64() < b.as_uint64();
}

WideSum wide(const Value& number) {
  if (number.type() == Type::int64) return WideSum::of(number.as_int64());
  if (number.type() == Type::uint64) return WideSum::of(number.as_uint64());
  return WideSum::of(number.as_float64());
}

void put(Writer& to, const Value& value) {
  to.u8(static_cast<std::uint8_t>(value.type()));
  to.u64(value.as_uint64());
}

Value take(Reader& from) {
  const auto type = static_cast<Type>(from.u8());
  const std::uint64_t bits = from.u64();
  switch (type) {
    case Type::boolean: return Value::boolean(bits != 0);
    case Type::int64: return Value::int64(static_cast<std::int64_t>(bits));
    case Type::uint64: return Value::uint64(bits);
    case Type::float64:
      if (std::isnan(std::bit_cast<double>(bits))) from.fail();
      return Value::float64(std::bit_cast<double>(bits));
    default: from.fail();
  }
  return {};
}

void put(Writer& to, const WideSum& sum) {
  to.u64(std::bit_cast<std::uint64_t>(sum.high));
  to.u64(std::bit_cast<std::uint64_t>(sum.low));
}

WideSum take_sum(Reader& from) {
  const auto high = std::bit_cast<double>(from.u64());
  return {high, std::bit_cast<double>(from.u64())};
}

// Of an integer within the type's range.
std::optional<std::int64_t> as_int64(const WideSum& sum) {
  if (sum.high == 0x1p63 && sum.low < 0.0) {
    return INT64_MAX + (static_cast<std::int64_t>(sum.low) + 1);
  }
  if (!(sum.high >= -0x1p63 && sum.high < 0x1p63)) return {};
  std::int64_t whole = 0;
  if (__builtin_add_overflow(static_cast<std::int64_t>(sum.high),
                             static_cast<std::int64_t>(sum.low), &whole)) {
    return {};
  }
  return whole;
}

}  // namespace

std::optional<Statistic> Statistic::parse(std::string_view name) {
  for (const auto& [known, kind] : kNames) {
    if (name == known) return Statistic{kind, 0};
  }
  if (name.size() < 2 || name.size() > 3 || name[0] != 'p' || name[1] == '0') return {};
  unsigned percent = 0;
  const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), percent);
  if (error != std::errc() || end != name.data() + name.size()) return {};
  return Statistic{Kind::percentile, static_cast<std::uint8_t>(percent)};
}

Needs::Needs(const std::vector<Statistic>& give) {
  using Kind = Statistic::Kind;
  for (const Statistic& s : give) {
    sum = sum || s.kind == Kind::sum || s.kind == Kind::mean || s.kind == Kind::stddev;
    squares = squares || s.kind == Kind::stddev;
    range = range || s.kind == Kind::min || s.kind == Kind::max || s.kind == Kind::percentile;
    ends = ends || s.kind == Kind::first || s.kind == Kind::last;
    sketch = sketch || s.kind == Kind::percentile;
    distinct = distinct || s.kind == Kind::distinct;
    time = time || s.kind == Kind::time_mean;
  }
}

std::uint8_t Needs::bits() const {
  return static_cast<std::uint8_t>(sum | squares << 1 | range << 2 | ends << 3 | sketch << 4 |
                                   distinct << 5 | time << 6);
}

std::size_t Needs::bytes_max(std::size_t samples) const {
  constexpr std::size_t kCount = 6, kSum = 16, kValue = 9, kSample = 19, kBin = 3;
  std::size_t bytes = kCount;
  if (sum) bytes += kSum;
  if (squares) bytes += kSum;
  if (range) bytes += 2 * kValue;
  if (ends) bytes += 2 * kSample;
  if (sketch) bytes += kBin * (Sketch::kBinsMax + 1);
  if (distinct) bytes += Distinct::kBytesMax;
  if (time) bytes += TimeMean::bytes_max(samples);
  return bytes;
}

void Accumulator::reset() {
  count_ = 0;
  marks_ = 0;
  sum_ = squares_ = {};
  sketch_.reset();
  distinct_.reset();
  time_mean_.reset();
}

void Accumulator::add(const Value& value, std::int64_t time, const Needs& needs,
                      std::int64_t watermark) {
  if (needs.distinct) distinct_.add(value);
  if (!value.is_number() && value.type() != Type::boolean) return;
  const Value number = as_number(value);
  const double x = number.to_double();
  if (std::isnan(x)) return;
  if (needs.range) {
    if (count_ == 0 || before(number, min_)) min_ = number;
    if (count_ == 0 || before(max_, number)) max_ = number;
  }
  if (needs.ends) {
    if (count_ == 0 || time < first_.time || (time == first_.time && before(value, first_.value)))
      first_ = {time, value};
    if (count_ == 0 || time > last_.time || (time == last_.time && before(last_.value, value)))
      last_ = {time, value};
  }
  if (std::isinf(x)) {
    marks_ |= kNotAllIntegers | (x > 0 ? kPlusInfinity : kMinusInfinity);
  } else {
    if (number.type() == Type::float64) marks_ |= kNotAllIntegers;
    if (needs.sum) sum_.add(wide(number));
    if (needs.squares) squares_.add(wide(number).squared());
  }
  if (needs.sketch) sketch_.add(x);
  if (needs.time) time_mean_.add(x, time, watermark);
  ++count_;
}

void Accumulator::merge(const Accumulator& other, const Needs& needs) {
  if (needs.distinct) distinct_.merge(other.distinct_);
  if (other.count_ == 0) return;
  if (needs.range) {
    if (count_ == 0 || before(other.min_, min_)) min_ = other.min_;
    if (count_ == 0 || before(max_, other.max_)) max_ = other.max_;
  }
  if (needs.ends) {
    const Sample &f = other.first_, &l = other.last_;
    if (count_ == 0 || f.time < first_.time ||
        (f.time == first_.time && before(f.value, first_.value)))
      first_ = f;
    if (count_ == 0 || l.time > last_.time ||
        (l.time == last_.time && before(last_.value, l.value)))
      last_ = l;
  }
  marks_ |= other.marks_;
  if (needs.sum) sum_.add(other.sum_);
  if (needs.squares) squares_.add(other.squares_);
  if (needs.sketch) sketch_.merge(other.sketch_);
  if (needs.time) time_mean_.merge(other.time_mean_);
  count_ += other.count_;
}

Value Accumulator::result(const Statistic& statistic) const {
  if (statistic.kind == Statistic::Kind::distinct) return Value::int64(distinct_.count());
  if (count_ == 0) return {};
  switch (statistic.kind) {
    case Statistic::Kind::mean: {
      const Value total = sum();
      if (!std::isfinite(total.to_double())) return total;
      return Value::float64(sum_.divided_by(static_cast<double>(count_)).value());
    }
    case Statistic::Kind::min: return min_;
    case Statistic::Kind::max: return max_;
    case Statistic::Kind::sum: return sum();
    case Statistic::Kind::first: return first_.value;
    case Statistic::Kind::last: return last_.value;
    case Statistic::Kind::stddev: return stddev();
    case Statistic::Kind::percentile: {
      const double x = sketch_.percentile(statistic.percent);
      return Value::float64(std::fmin(std::fmax(x, min_.to_double()), max_.to_double()));
    }
    case Statistic::Kind::count:
    case Statistic::Kind::distinct:
    case Statistic::Kind::time_mean: break;
  }
  return {};
}

Value Accumulator::sum() const {
  constexpr std::uint8_t kBoth = kPlusInfinity | kMinusInfinity;
  if ((marks_ & kBoth) == kBoth) return Value::float64(NAN);
  if ((marks_ & kBoth) != 0) {
    return Value::float64((marks_ & kPlusInfinity) != 0 ? INFINITY : -INFINITY);
  }
  if ((marks_ & kNotAllIntegers) == 0) {
    if (const auto whole = as_int64(sum_)) return Value::int64(*whole);
  }
  return Value::float64(sum_.value());
}

Value Accumulator::stddev() const {
  if (count_ < 2 || (marks_ & (kPlusInfinity | kMinusInfinity)) != 0) return {};
  const auto n = static_cast<double>(count_);
  const WideSum expected = sum_.squared().divided_by(n);
  WideSum spread = squares_;
  spread.add({-expected.high, -expected.low});
  return Value::float64(std::sqrt(std::fmax(spread.divided_by(n - 1.0).value(), 0.0)));
}

void Accumulator::encode(Writer& to, const Needs& needs) const {
  if (needs.distinct) distinct_.encode(to);
  to.varint(count_);
  if (count_ == 0) return;
  to.u8(marks_);
  if (needs.sum) put(to, sum_);
  if (needs.squares) put(to, squares_);
  if (needs.range) {
    put(to, min_);
    put(to, max_);
  }
  if (needs.ends) {
    to.signed_varint(first_.time);
    put(to, first_.value);
    to.signed_varint(last_.time);
    put(to, last_.value);
  }
  if (needs.sketch) sketch_.encode(to);
  if (needs.time) time_mean_.encode(to);
}

bool Accumulator::decode(Reader& from, const Needs& needs) {
  reset();
  if (needs.distinct && !distinct_.decode(from)) return false;
  count_ = from.varint();
  if (count_ == 0) return !from.failed();
  marks_ = from.u8();
  if (needs.sum) sum_ = take_sum(from);
  if (needs.squares) squares_ = take_sum(from);
  if (needs.range) {
    min_ = take(from);
    max_ = take(from);
  }
  if (needs.ends) {
    first_.time = from.signed_varint();
    first_.value = take(from);
    last_.time = from.signed_varint();
    last_.value = take(from);
  }
  if (needs.sketch && !sketch_.decode(from)) return false;
  if (needs.time && !time_mean_.decode(from)) return false;
  return !from.failed() && marks_ <= 7;
}

}  // namespace pinaflux
