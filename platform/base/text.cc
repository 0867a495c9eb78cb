#include "platform/base/text.h"

#include <algorithm>
#include <array>

#include "platform/base/double_text.h"

namespace pinaflux {

std::optional<double> parse_double(std::string_view text) {
  // from_chars would also take "inf" and "nan", which no reading may carry unnoticed.
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || !(digits[0] == '.' || (digits[0] >= '0' && digits[0] <= '9')))
    return std::nullopt;
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

namespace {
template <std::integral T>
void append_number(std::string& to, T value) {
  char digits[20];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  if (error == std::errc()) to.append(digits, end);
}
}  // namespace

void append_integer(std::string& to, std::int64_t value) { append_number(to, value); }
void append_unsigned(std::string& to, std::uint64_t value) { append_number(to, value); }
void append_double(std::string& to, double value) { to += double_text(value); }

std::string format_double(double value) {
  std::string text;
  append_double(text, value);
  return text;
}

std::size_t utf8_bytes(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (text.size() < size) return 0;
  // The second byte alone decides about overlong forms, surrogates and the upper end (RFC 3629
  // section 4).
  const std::uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const std::uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return size;
}

bool utf8_valid(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = utf8_bytes(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string_view utf8_prefix(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  for (; count > 0 && at < text.size(); --count) {
    at += std::max<std::size_t>(utf8_bytes(text.substr(at)), 1);
  }
  return text.substr(0, at);
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool Split::next(std::string_view& piece) {
  if (done_) return false;
  const std::size_t at = rest_.find(separator_);
  piece = rest_.substr(0, at);
  if (at == std::string_view::npos) {
    done_ = true;
  } else {
    rest_.remove_prefix(at + 1);
  }
  return true;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  Split rest(text, separator);
  for (std::string_view piece; rest.next(piece);) pieces.push_back(piece);
  return pieces;
}

std::string joined(std::initializer_list<std::string_view> pieces) {
  std::string text;
  for (const std::string_view piece : pieces) text += piece;
  return text;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

namespace {

char32_t decoded(std::string_view point) {
  const auto lead = static_cast<std::uint8_t>(point[0]);
  if (point.size() == 1) return lead;
  char32_t value = lead & (0x7fu >> point.size());
  for (char c : point.substr(1)) value = (value << 6) | (static_cast<std::uint8_t>(c) & 0x3fu);
  return value;
}

// C1 controls, line and paragraph separators, marks and overrides of direction, zero-width
// characters.
bool misleading(char32_t c) {
  return (c >= 0x80 && c < 0xa0) || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

void append_hex(std::string& to, std::uint32_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i) to.push_back("0123456789abcdef"[(value >> (4 * i)) & 15]);
}

void append_escaped(std::string& to, char c) {
  switch (c) {
    case '\n': to += "\\n"; return;
    case '\r': to += "\\r"; return;
    case '\t': to += "\\t"; return;
    case '"': to += "\\\""; return;
    case '\\': to += "\\\\"; return;
    default: break;
  }
  if (c >= 0x20 && c < 0x7f) {
    to.push_back(c);
    return;
  }
  to += "\\x";
  append_hex(to, static_cast<std::uint8_t>(c), 2);
}

}  // namespace

std::string printable(std::string_view text, std::size_t bytes_max) {
  std::string out;
  while (!text.empty()) {
    const std::size_t before = out.size();
    const std::size_t size = utf8_bytes(text);
    if (size < 2) {
      append_escaped(out, text[0]);
    } else if (const char32_t point = decoded(text.substr(0, size)); misleading(point)) {
      out += "\\u";
      append_hex(out, static_cast<std::uint32_t>(point), 4);
    } else {
      out += text.substr(0, size);
    }
    if (out.size() > bytes_max) {
      out.resize(before);
      return out + "...";
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the table of optimal string alignment are enough: this one and the two above.
  std::vector<std::size_t> above2(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(above2, above);
    std::swap(above, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], above2[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

std::optional<std::string_view> closest(std::string_view word,
                                        std::span<const std::string_view> candidates) {
  constexpr std::size_t kWordBytesMax = 128;  // Bounds the table for hostile words.
  if (word.size() > kWordBytesMax) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t best_distance = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance >= best_distance || distance >= std::max(word.size(), candidate.size())) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

}  // namespace pinaflux
