#include "platform/base/double_text.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include <double-conversion/double-conversion.h>

namespace pinaflux {

namespace {

class Appender {
 public:
  explicit Appender(char* to) : to_(to) {}
  void put(char c) { *to_++ = c; }
  void put(std::string_view text) {
    std::memcpy(to_, text.data(), text.size());
    to_ += text.size();
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
  char* end() const { return to_; }

 private:
  char* to_;
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

void put_pair(char* to, std::uint32_t value) {
  to[0] = static_cast<char>('0' + value / 10);
  to[1] = static_cast<char>('0' + value % 10);
}

// What sensors measure: at most six digits behind the point. Null: nothing was put.
//
// A whole number below 10^15 through 10^6, divided exactly, is the double that its digits read back as; no other number of at
// most 15 digits reads back as the same one, so without their last zeros they are the shortest.
char* put_few_decimals(char* to, double value) {
  constexpr std::uint32_t kPower = 1'000'000;
  if (!(value >= 1e-3 && value < 1e9)) return nullptr;
  const auto scaled = static_cast<std::int64_t>(value * kPower + 0.5);
  if (static_cast<double>(scaled) / kPower != value) return nullptr;
  const auto whole = static_cast<std::uint32_t>(value);
  const auto decimals = static_cast<std::uint32_t>(scaled - std::int64_t{whole} * kPower);
  if (decimals == 0 && whole % 100'000 == 0) return nullptr;  // Its zeros may be an exponent.
  to = std::to_chars(to, to + 10, whole).ptr;
  if (decimals == 0) return to;
  *to++ = '.';
  const std::uint32_t low = decimals % 100, middle = decimals / 100 % 100;
  put_pair(to, decimals / 10'000);
  put_pair(to + 2, middle);
  put_pair(to + 4, low);
  to += low != 0 ? 6 : middle != 0 ? 4 : 2;
  return to[-1] == '0' ? to - 1 : to;
}

// Without its sign.
char* put_any(char* to, double value) {
  using Converter = double_conversion::DoubleToStringConverter;
  Appender text(to);
  if (!std::isfinite(value)) {
    text.put(std::isnan(value) ? "nan" : "inf");
    return text.end();
  }
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
    put_plain(text, digits, point, value);
  } else {
    put_scientific(text, digits, exponent);
  }
  return text.end();
}

}  // namespace

char* put_double(char* to, double value) {
  if (std::signbit(value)) *to++ = '-';
  value = std::abs(value);
  char* const end = put_few_decimals(to, value);
  return end != nullptr ? end : put_any(to, value);
}

DoubleText double_text(double value) {
  DoubleText text;
  text.size = static_cast<std::size_t>(put_double(text.digits, value) - text.digits);
  return text;
}

}  // namespace pinaflux
