// Two kinds of time that cannot be mixed: Instant (monotonic) and WallTime (calendar, may jump).
//
// Units      Nanoseconds in 64 signed bits (about 292 years either side of the origin).
// Use        Deadlines, back-off, expiry and budgets use Instant. WallTime is only ever shown, stored
//            in records, or compared with the trusted time floor.
// Threads    Values; any.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace pinaflux {

struct Duration {
  std::int64_t ns = 0;

  static constexpr Duration nanoseconds(std::int64_t n) { return {n}; }
  static constexpr Duration microseconds(std::int64_t n) { return {n * 1'000}; }
  static constexpr Duration milliseconds(std::int64_t n) { return {n * 1'000'000}; }
  static constexpr Duration seconds(std::int64_t n) { return {n * 1'000'000'000}; }
  static constexpr Duration minutes(std::int64_t n) { return seconds(n * 60); }
  static constexpr Duration hours(std::int64_t n) { return seconds(n * 3600); }
  static constexpr Duration days(std::int64_t n) { return hours(n * 24); }
  static constexpr Duration max() { return {std::numeric_limits<std::int64_t>::max()}; }

  constexpr std::int64_t milliseconds() const { return ns / 1'000'000; }
  constexpr double seconds() const { return static_cast<double>(ns) / 1e9; }

  friend constexpr auto operator<=>(Duration, Duration) = default;
  friend constexpr Duration operator+(Duration a, Duration b) { return {a.ns + b.ns}; }
  friend constexpr Duration operator-(Duration a, Duration b) { return {a.ns - b.ns}; }
  friend constexpr Duration operator*(Duration a, std::int64_t n) { return {a.ns * n}; }
  friend constexpr Duration operator/(Duration a, std::int64_t n) { return {a.ns / n}; }
};

// Monotonic since this boot, suspended time included.
struct Instant {
  std::int64_t ns = 0;

  static constexpr Instant never() { return {std::numeric_limits<std::int64_t>::max()}; }
  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant a, Duration d) {
    return d.ns > never().ns - a.ns ? never() : Instant{a.ns + d.ns};
  }
  friend constexpr Duration operator-(Instant a, Instant b) { return {a.ns - b.ns}; }
};

// Since 1970-01-01T00:00:00Z, without leap seconds (POSIX).
struct WallTime {
  std::int64_t ns = 0;

  constexpr std::int64_t milliseconds() const { return ns / 1'000'000; }
  friend constexpr auto operator<=>(WallTime, WallTime) = default;
  friend constexpr WallTime operator+(WallTime a, Duration d) { return {a.ns + d.ns}; }
  friend constexpr Duration operator-(WallTime a, WallTime b) { return {a.ns - b.ns}; }
};

}  // namespace pinaflux
