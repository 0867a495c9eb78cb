// Text: strict numbers, shortest numbers, UTF-8 and messages, without locale and without surprises.
//
// Promise    A parser takes the whole text or nothing. What printable() gives is safe on a terminal
//            and in a one-line log, whatever the bytes were.
// Threads    Pure functions; any.
// Tests      tests/platform/base/text_test.cc
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pinaflux {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
// As JSON has it: the space, the tab and the two that end lines.
inline bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// ---- numbers

// Decimal, an optional '-' for signed types; no space, no '+', nothing after it, no overflow.
template <std::integral T>
std::optional<T> parse_integer(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end || text.empty()) return std::nullopt;
  return value;
}

// As JSON writes numbers, ".5" and "5." too; no hex, no infinity, no NaN, nothing beyond a double's
// range.
std::optional<double> parse_double(std::string_view text);

void append_integer(std::string& to, std::int64_t value);
void append_unsigned(std::string& to, std::uint64_t value);
// The shortest text that reads back as the same double: "0.1", "1e+300", "nan", "-inf".
void append_double(std::string& to, double value);
std::string format_double(double value);

// ---- UTF-8 (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF)

// Bytes of the valid code point at the front of `text`; 0 if there is none.
std::size_t utf8_bytes(std::string_view text);
bool utf8_valid(std::string_view text);
// The first `count` code points; a byte that is no part of one counts as one.
std::string_view utf8_prefix(std::string_view text, std::size_t count);

// ---- pieces

// Without spaces, tabs, CR and LF at both ends.
std::string_view trim(std::string_view text);
// Cuts the piece before the next separator off `rest`; false when `rest` is used up. "a,,b" has
// three pieces, "" has one, empty; "a," has two.
class Split {
 public:
  Split(std::string_view text, char separator) : rest_(text), separator_(separator) {}
  bool next(std::string_view& piece);

 private:
  std::string_view rest_;
  char separator_;
  bool done_ = false;
};
std::vector<std::string_view> split(std::string_view text, char separator);
std::string joined(std::initializer_list<std::string_view> pieces);
// ASCII only: names of protocols and headers.
bool equal_ignoring_case(std::string_view a, std::string_view b);

// ---- messages

// Untrusted bytes for a message: control characters, quotes, backslashes, invalid UTF-8 and
// characters that reorder or hide text become escapes (\n, \x1b, \u202e). "..." stands for what was
// beyond `bytes_max`.
std::string printable(std::string_view text, std::size_t bytes_max = 80);

// Insertions, deletions, replacements and swaps of neighbours that lead from one to the other.
std::size_t edit_distance(std::string_view a, std::string_view b);
// The candidate most like `word`, if any is like enough to suggest: at most a third of the letters
// differ.
std::optional<std::string_view> closest(std::string_view word,
                                        std::span<const std::string_view> candidates);

}  // namespace pinaflux
