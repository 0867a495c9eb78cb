#include "agent/seal/line.h"

#include <algorithm>

#include "platform/base/text.h"

namespace pinaflux::seal {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct Unit {
  std::string_view name;
  std::int64_t ns;
};
constexpr Unit kUnits[] = {{"s", 1'000'000'000}, {"ms", 1'000'000}, {"us", 1'000}, {"ns", 1}};

}  // namespace

bool printable_word(std::string_view word) {
  return std::ranges::all_of(word, [](char c) { return c > ' ' && c < 0x7f && c != '='; });
}

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name != "." && name != ".." &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

bool valid_traceparent(std::string_view text) {
  constexpr std::size_t kBytes = 2 + 1 + 32 + 1 + 16 + 1 + 2;
  const auto is_hex = [&](std::size_t at, std::size_t size) {
    return text.substr(at, size).find_first_not_of("0123456789abcdef") == std::string_view::npos;
  };
  const auto is_zero = [&](std::size_t at, std::size_t size) {
    return text.substr(at, size).find_first_not_of('0') == std::string_view::npos;
  };
  if (text.size() < kBytes || text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  if (!is_hex(0, 2) || !is_hex(3, 32) || !is_hex(36, 16) || !is_hex(53, 2)) return false;
  if (is_zero(3, 32) || is_zero(36, 16) || text.starts_with("ff")) return false;
  return text.size() == kBytes || (!text.starts_with("00") && text[kBytes] == '-');
}

std::string base64url(Bytes bytes) {
  std::string text;
  std::uint32_t held = 0;
  unsigned bits = 0;
  for (std::uint8_t b : bytes) {
    held = held << 8 | b;
    bits += 8;
    for (; bits >= 6; bits -= 6) text += kAlphabet[held >> (bits - 6) & 63];
  }
  if (bits > 0) text += kAlphabet[held << (6 - bits) & 63];
  return text;
}

bool unbase64url(std::string_view text, MutableBytes to) {
  if (text.size() != (to.size() * 8 + 5) / 6) return false;
  std::uint32_t held = 0;
  unsigned bits = 0;
  std::size_t at = 0;
  for (char c : text) {
    const auto digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return false;
    held = held << 6 | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      to[at++] = static_cast<std::uint8_t>(held >> bits);
    }
  }
  return (held & ((1u << bits) - 1)) == 0;  // One spelling for each value.
}

LineWriter& LineWriter::pair(std::string_view key, std::string_view value) {
  text_ += ' ';
  text_ += key;
  text_ += '=';
  text_ += value;
  return *this;
}

LineWriter& LineWriter::number(std::string_view key, std::uint64_t value) {
  return pair(key, std::to_string(value));
}

LineWriter& LineWriter::range(std::string_view key, Range value) {
  return pair(key, std::to_string(value.first) + "-" + std::to_string(value.last));
}

LineReader::LineReader(std::string_view line, std::string_view magic) : rest_(line) {
  if (!rest_.starts_with(magic) || (rest_.size() > magic.size() && rest_[magic.size()] != ' ')) {
    failed_ = true;
    return;
  }
  rest_.remove_prefix(magic.size());
}

bool LineReader::next(std::string_view& key, std::string_view& value) {
  if (failed_ || rest_.empty()) return false;
  rest_.remove_prefix(1);
  const std::string_view word = rest_.substr(0, rest_.find(' '));
  const auto equals = word.find('=');
  if (equals == 0 || equals == std::string_view::npos || !printable_word(word.substr(0, equals)) ||
      !printable_word(word.substr(equals + 1))) {
    failed_ = true;
    return false;
  }
  key = word.substr(0, equals);
  value = word.substr(equals + 1);
  rest_.remove_prefix(word.size());
  return true;
}

void LineReader::pass_over() {
  failed_ = false;
  rest_.remove_prefix(std::min(rest_.find(' '), rest_.size()));
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  return parse_integer<std::uint64_t>(text);
}

bool parse_digest(std::string_view text, Digest& to) {
  to = kNoDigest;
  return unbase64url(text, MutableBytes(to).first(kDigestBytes));
}

bool parse_range(std::string_view text, Range& to) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return false;
  const auto first = parse_number(text.substr(0, dash));
  const auto last = parse_number(text.substr(dash + 1));
  if (!first || !last) return false;
  to = {*first, *last};
  return true;
}

std::string format_stamp(Stamp stamp) {
  const Unit& unit =
      *std::ranges::find_if(kUnits, [&](const Unit& u) { return stamp.ns % u.ns == 0; });
  std::string text = std::to_string(stamp.ns / unit.ns).append(unit.name);
  if (stamp.boot != 0) {
    char digits[17];
    const auto end = std::to_chars(digits, digits + 16, stamp.boot, 16).ptr;
    text.append("@").append(digits, end);
  }
  return text;
}

bool parse_stamp(std::string_view text, Stamp& to) {
  to = {};
  const auto at = text.find('@');
  const std::string_view time = text.substr(0, at);
  const auto digits = std::min(time.find_first_not_of("-0123456789"), time.size());
  const auto count = parse_integer<std::int64_t>(time.substr(0, digits));
  const auto unit = std::ranges::find(kUnits, time.substr(digits), &Unit::name);
  if (!count || unit == std::end(kUnits) || __builtin_mul_overflow(*count, unit->ns, &to.ns)) {
    return false;
  }
  if (at == std::string_view::npos) return true;
  const std::string_view boot = text.substr(at + 1);
  const auto [end, error] = std::from_chars(boot.data(), boot.data() + boot.size(), to.boot, 16);
  return error == std::errc() && end == boot.data() + boot.size() && to.boot != 0;
}

}  // namespace pinaflux::seal
