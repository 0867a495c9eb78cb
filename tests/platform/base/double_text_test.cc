#include "platform/base/double_text.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>

#include <doctest/doctest.h>

namespace pinaflux {
namespace {

std::string standard(double value) {
  char digits[64];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

void check(double value) {
  const std::string ours(double_text(value)), theirs = standard(value);
  if (ours != theirs) FAIL_CHECK(ours << " is not " << theirs);
}

}  // namespace

TEST_CASE("double text: numbers of few decimals, and their neighbours") {
  std::mt19937_64 random(4);
  for (int i = 0; i < 400'000; ++i) {
    const int decimals = static_cast<int>(random() % 7);
    const auto whole = static_cast<double>(random() % (std::uint64_t{1} << (random() % 51)));
    const double value = whole / std::pow(10.0, decimals);
    check(value);
    check(-value);
    check(std::nextafter(value, 0.0));
    check(std::nextafter(value, 1e300));
  }
}

TEST_CASE("double text: around the bounds between the ways in which numbers are written") {
  for (const double bound : {1e-3, 1e-6, 99'999.0, 1e5, 1e6, 999'999.999999, 1e9, 1e15, 1e16}) {
    double above = bound, below = bound;
    for (int i = 0; i < 1'000; ++i) {
      check(above);
      check(below);
      check(bound + i);
      check(bound + i / 1e6);
      above = std::nextafter(above, 1e300);
      below = std::nextafter(below, 0.0);
    }
  }
  for (int zeros = 0; zeros < 16; ++zeros) {
    for (int i = 0; i < 1'000; ++i) check(i * std::pow(10.0, zeros));
  }
}

TEST_CASE("double text: every kind of number as the standard library writes it") {
  using Limits = std::numeric_limits<double>;
  for (double value : {0.0,
                       1.0,
                       0.1,
                       0.3,
                       1e5,
                       1e6,
                       1e-4,
                       1e-5,
                       123456.0,
                       1234567.0,
                       1.5e300,
                       5e-324,
                       9007199254740993.0,
                       1.2345678901234568e19,
                       1e21,
                       1e22,
                       1e23,
                       9.5e22,
                       0x1p53,
                       0x1p60,
                       0x1p64,
                       0x1p73,
                       0x1p74,
                       0x1p-1074,
                       Limits::max(),
                       Limits::min(),
                       Limits::infinity(),
                       Limits::quiet_NaN()}) {
    check(value);
    check(-value);
  }
  CHECK(std::string(double_text(-0.0)) == "-0");
  CHECK(std::string(double_text(20.25)) == "20.25");
}

TEST_CASE("double text: random numbers as the standard library writes them") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    check(std::bit_cast<double>(random()));
    check(static_cast<double>(random() >> random() % 64));  // Whole numbers.
    check(static_cast<double>(random() % 1'000'000'000) /
          std::pow(10, random() % 9));  // As sensors send them.
    check(static_cast<float>(static_cast<double>(random() % 100'000) / 1000));
    check(std::ldexp(static_cast<double>(random() >> 11), static_cast<int>(random() % 200) - 100));
    check(std::ldexp(1.0, static_cast<int>(random() % 2098) - 1074));
  }
}

}  // namespace pinaflux
