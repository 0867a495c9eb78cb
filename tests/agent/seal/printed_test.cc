#include "agent/seal/printed.h"

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>

#include <doctest/doctest.h>

#include "platform/base/random.h"

namespace pinaflux::seal {
namespace {

struct PrintedFixture {
  Random random{7};
  std::vector<Printing> guesses;

  std::vector<std::uint64_t> column(std::size_t count, auto value_of) {
    std::vector<std::uint64_t> bits(count);
    for (std::uint64_t& b : bits) b = bits_of(value_of());
    guess_printing(bits, guesses);
    return bits;
  }
  double noise() { return (static_cast<double>(random.below(2'000'001)) / 1e6 - 1) * 20; }
  // What printf and strtod make of it.
  static double by_text(double v, int digits, int decimals) {
    char text[64];
    int whole = 0;
    while (whole < 17 && std::fabs(v) >= kPower[static_cast<std::size_t>(whole)]) ++whole;
    std::snprintf(text, sizeof text, "%.*f", std::max(0, std::min(decimals, digits - whole)), v);
    return std::strtod(text, nullptr);
  }
};

// A product that its own rounding puts on a half may go the other way: k of the format says so.
TEST_CASE_FIXTURE(PrintedFixture, "a printed float reads back as printf and strtod would have it") {
  constexpr int kCount = 20'000;
  int others = 0;
  for (int n = 0; n < kCount; ++n) {
    const double v = static_cast<double>(static_cast<float>(noise()));
    const auto digits = static_cast<std::uint8_t>(random.between(5, 12));
    const auto decimals = static_cast<std::uint8_t>(random.between(4, 9));
    const double back = Printer({.digits = digits, .decimals = decimals})(v);
    const double text = by_text(v, digits, decimals);
    REQUIRE(std::fabs(back - text) <= 1.01e-3);
    others += back != text ? 1 : 0;
  }
  CHECK(others < kCount / 100);
}

TEST_CASE(
    "what is no number, or has no place in 53 bits, is printed as 0, and zeros have no sign") {
  const Printing how{.digits = 9, .decimals = 6};
  for (const double v : {1e300, -1e300, std::numeric_limits<double>::infinity(),
                         std::numeric_limits<double>::quiet_NaN(), 0.0, -0.0})
    CHECK(bits_of(Printer(how)(v)) == 0);
  CHECK(Printer({.digits = 9, .decimals = 0})(-2.5) == -3);  // Halves away from 0.
  CHECK(Printer(how)(9.9999999) == 10);
  CHECK(bits_of(Printer({.digits = 0})(-0.0)) == bits_of(-0.0));
}

TEST_CASE("digits before the point are taken from the decimals") {
  const Printing how{.digits = 4, .decimals = 3};
  CHECK(Printer(how)(0.123456) == 0.123);
  CHECK(Printer(how)(1.123456) == 1.123);
  CHECK(Printer(how)(12.123456) == 12.12);
  CHECK(Printer(how)(1234.9) == 1235);
  CHECK(Printer(how)(99999.9) == 100000);
}

TEST_CASE("floats and their places in order are the same thing") {
  CHECK(order_of(0) == 0);
  CHECK(order_of(-0.0F) == 0);
  CHECK(order_of(1e-45F) == 1);
  CHECK(order_of(-1e-45F) == -1);
  for (const float v : {1.5F, -1.5F, 3e38F, -3e38F, 1e-40F})
    CHECK(float_of(static_cast<std::uint64_t>(order_of(v))) == v);
  CHECK(order_of(2.0F) > order_of(1.9999999F));
}

TEST_CASE_FIXTURE(PrintedFixture, "a column of printed floats is seen to be one") {
  column(200, [this] {
    return Printer({.digits = 10, .decimals = 9})(static_cast<double>(static_cast<float>(noise())));
  });

  REQUIRE_FALSE(guesses.empty());
  CHECK(guesses[0].single);
  CHECK(guesses[0].step == 0);
}

TEST_CASE_FIXTURE(PrintedFixture, "the step of a converter is found among its steps") {
  column(200, [this] {
    const double steps = static_cast<double>(random.below(256)) * (100.0 / 255);
    return Printer({.digits = 17, .decimals = 6})(static_cast<double>(static_cast<float>(steps)));
  });

  REQUIRE_FALSE(guesses.empty());
  CHECK(guesses.back().step == 100.0 / 255);
}

TEST_CASE_FIXTURE(PrintedFixture, "decimals of a few digits, and noise, are no printing") {
  column(200, [this] { return std::round(noise() * 100) / 100; });
  CHECK(guesses.empty());
  column(200, [this] { return noise() / 3; });
  CHECK(guesses.empty());
}

}  // namespace
}  // namespace pinaflux::seal
