// Double text: the shortest decimal digits that read back as the same double.
//
// Promise    What std::to_chars(first, last, double) gives, to the byte; without its 120 KB of tables.
// Threads    Pure function; any.
// Tests      tests/platform/base/double_text_test.cc
#pragma once

#include <cstddef>
#include <string_view>

namespace pinaflux {

inline constexpr std::size_t kDoubleTextMax = 32;  // The longest double has 24 characters.

struct DoubleText {
  char digits[kDoubleTextMax];
  std::size_t size = 0;

  operator std::string_view() const { return {digits, size}; }
};

// "0.1", "1e+300", "-0", "nan", "-nan", "inf", "-inf"; of plain and scientific the shorter, plain when they are
// equally long.
DoubleText double_text(double value);
// The same to where there is room for kDoubleTextMax characters; gives the end of it.
char* put_double(char* to, double value);

}  // namespace pinaflux
