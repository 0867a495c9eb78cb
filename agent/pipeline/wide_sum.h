// WideSum: a sum of doubles kept as two doubles (106 bits), so that the order of its terms does not show.
//
// Promise    Integers are summed exactly up to 2^106. Sums of others are rounded once, at the end, unless the terms
//            cancel out to less than 2^-50 of their sizes.
// Limits     Beyond 1.8e308 the sum is infinite, and stays so.
// Source     Knuth, The Art of Computer Programming 2, 4.2.2 (two-sum); Dekker, A floating-point technique for
//            extending the available precision, 1971 (the pair); Li et al., XBLAS, 2000 (sum of pairs).
// Threads    Values; any.
// Tests      tests/agent/pipeline/statistics_test.cc
#pragma once

#include <cmath>
#include <cstdint>

namespace pinaflux {

struct WideSum {
  double high = 0.0;
  double low = 0.0;  // At most half a unit of the last place of `high`.

  static WideSum of(double x) { return {x, 0.0}; }
  static WideSum of(std::int64_t i) {
    return two_sum(static_cast<double>(i >> 32) * 0x1p32, static_cast<double>(i & 0xffffffff));
  }
  static WideSum of(std::uint64_t u) {
    return two_sum(static_cast<double>(u >> 32) * 0x1p32, static_cast<double>(u & 0xffffffff));
  }
  static WideSum square(double x) {
    const double p = x * x;
    return {p, std::fma(x, x, -p)};
  }

  void add(WideSum other) {
    const WideSum s = two_sum(high, other.high), t = two_sum(low, other.low);
    set(s.high, s.low + t.high);
    set(high, low + t.low);
  }
  WideSum times(double x) const {
    const double p = high * x;
    return {p, std::fma(high, x, -p) + low * x};
  }
  WideSum divided_by(double n) const { return divided_by(of(n)); }
  WideSum divided_by(WideSum n) const {
    const double q = high / n.high;
    return {q, (std::fma(-q, n.high, high) + (low - q * n.low)) / n.high};
  }
  WideSum squared() const {
    WideSum s = square(high);
    s.low += 2.0 * high * low;
    return s;
  }
  double value() const { return high + low; }
  friend bool operator==(const WideSum&, const WideSum&) = default;

 private:
  static WideSum two_sum(double a, double b) {
    const double s = a + b, part = s - a;
    return {s, (a - (s - part)) + (b - part)};
  }
  void set(double larger, double smaller) {
    high = larger + smaller;
    low = std::isfinite(high) ? smaller - (high - larger) : 0.0;
    if (!std::isfinite(larger)) high = larger;
  }
};

}  // namespace pinaflux
