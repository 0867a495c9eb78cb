#include "platform/base/double_text.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include <double-conversion/double-conversion.h>

namespace pinaflux {

namespace {

class Appender {
 public:
  explicit Appender(DoubleText& to) : to_(to) {}
  void put(char c) { to_.digits[to_.size++] = c; }
  void put(std::string_view text) {
    std::memcpy(to_.digits + to_.size, text.data(), text.size());
    to_.size += text.size();
  }
  void zeros(int count) {
    for (; count > 0; --count) put('0');
  }
  // With zeros in front, at least `width` digits.
  void number(std::uint64_t value, int width) {
    char reversed[20];
    int count = 0;
    for (; value > 0 || count < width; value /= 10)
      reversed[count++] = static_cast<char>('0' + value % 10);
    while (count > 0) put(reversed[--count]);
  }

 private:
  DoubleText& to_;
};

// A whole number from 2^53 to 10^22: the zeros behind its shortest digits would be wrong ones.
void put_exactly(Appender& text, double value) {
  constexpr std::uint64_t kBillion = 1'000'000'000;
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const std::uint64_t mantissa = (bits & ((std::uint64_t{1} << 52) - 1)) | std::uint64_t{1} << 52;
  const int shift = static_cast<int>(bits >> 52 & 0x7ff) - 1075;
  const std::uint64_t low = (mantissa % kBillion) << shift;
  text.number((mantissa / kBillion << shift) + low / kBillion, 1);
  text.number(low % kBillion, 9);
}

// `point`: how many of the digits stand before the decimal point; may be negative, or more than there are.
void put_plain(Appender& text, std::string_view digits, int point, double value) {
  const int count = static_cast<int>(digits.size());
  if (point <= 0) {
    text.put("0.");
    text.zeros(-point);
    text.put(digits);
  } else if (point < count) {
    text.put(digits.substr(0, static_cast<std::size_t>(point)));
    text.put('.');
    text.put(digits.substr(static_cast<std::size_t>(point)));
  } else if (point > count && value >= 0x1p53) {
    put_exactly(text, value);
  } else {
    text.put(digits);
    text.zeros(point - count);
  }
}

void put_scientific(Appender& text, std::string_view digits, int exponent) {
  text.put(digits[0]);
  if (digits.size() > 1) {
    text.put('.');
    text.put(digits.substr(1));
  }
  text.put('e');
  text.put(exponent < 0 ? '-' : '+');
  text.number(static_cast<std::uint64_t>(std::abs(exponent)), 2);
}

// What sensors measure: few digits behind the point. False: nothing was put.
bool put_few_decimals(Appender& text, double value) {
  static constexpr double kPowers[] = {1, 1e1, 1e2, 1e3, 1e4};
  if (!(value >= 1e-3 && value < 1e9)) return false;
  for (int decimals = 0; decimals < 5; ++decimals) {
    const double power = kPowers[decimals];
    const auto scaled = static_cast<std::uint64_t>(value * power + 0.5);
    if (static_cast<double>(scaled) / power != value) continue;
    if (decimals == 0 && scaled >= 100'000) return false;  // Its zeros may be an exponent.
    const auto divisor = static_cast<std::uint64_t>(power);
    text.number(scaled / divisor, 1);
    if (decimals == 0) return true;
    text.put('.');
    text.number(scaled % divisor, decimals);
    return true;
  }
  return false;
}

}  // namespace

// A whole number through a power of ten, divided exactly, is the double that its digits read back as; and the first number
// of decimals that does is the least, so the digits are the shortest.
DoubleText double_text(double value) {
  using Converter = double_conversion::DoubleToStringConverter;
  DoubleText result;
  Appender text(result);
  if (std::signbit(value)) text.put('-');
  if (!std::isfinite(value)) {
    text.put(std::isnan(value) ? "nan" : "inf");
    return result;
  }
  if (put_few_decimals(text, std::abs(value))) return result;
  char buffer[Converter::kBase10MaximalLength + 1];
  bool negative = false;
  int count = 0, point = 0;
  Converter::DoubleToAscii(value, Converter::SHORTEST, 0, buffer, sizeof buffer, &negative, &count,
                           &point);
  const std::string_view digits(buffer, static_cast<std::size_t>(count));
  const int plain = point <= 0 ? count + 2 - point : point < count ? count + 1 : point;
  const int exponent = point - 1;
  const int scientific = count + (count > 1 ? 1 : 0) + (std::abs(exponent) >= 100 ? 5 : 4);
  if (plain <= scientific) {
    put_plain(text, digits, point, std::abs(value));
  } else {
    put_scientific(text, digits, exponent);
  }
  return result;
}

}  // namespace pinaflux
