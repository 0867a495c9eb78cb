// What follows a secret's name is hidden to the end of the line, because where a malformed value ends is
// anybody's guess; so are lines indented below such a name (block text, a value on a line of its own). Below
// `keys` every name is the operator's own, and each counts as a secret's: who writes a key where its
// reference belongs must not find it in a log. References ({file: ...}, {credential: ...}) are no secrets.
#include "agent/config/redact.h"

#include <algorithm>

#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

constexpr std::size_t kNowhere = std::string_view::npos;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

// Or nothing at all: `pass: {}` is a node of the pipeline.
bool is_reference(std::string_view value) {
  if (value.starts_with("{}")) return true;
  while (!value.empty() && (value[0] == '{' || value[0] == ' ' || value[0] == '"')) {
    value.remove_prefix(1);
  }
  for (const char* name : {"file", "credential"}) {
    std::string_view rest = value;
    if (!rest.starts_with(name)) continue;
    rest.remove_prefix(std::string_view(name).size());
    if (rest.starts_with('"')) rest.remove_prefix(1);
    if (rest.starts_with(':')) return true;
  }
  return false;
}

std::size_t indent_of(std::string_view line) {
  const std::size_t at = line.find_first_not_of(" \t");
  return at == kNowhere ? line.size() : at;
}

// The name that ends before the separator at `end`; empty if there is none. `begin` is where it begins.
std::string_view name_before(std::string_view line, std::size_t end, std::size_t& begin) {
  while (end > 0 && (line[end - 1] == ' ' || line[end - 1] == '"' || line[end - 1] == '\'')) --end;
  begin = end;
  while (begin > 0 && is_word(line[begin - 1])) --begin;
  return line.substr(begin, end - begin);
}

// Where the map that opens at `at` closes; the end of the line if it does not, or if none opens there.
std::size_t end_of_map(std::string_view line, std::size_t at) {
  if (at >= line.size() || line[at] != '{') return line.size();
  int depth = 0;
  for (; at < line.size(); ++at) {
    if (line[at] == '{') ++depth;
    if (line[at] == '}' && --depth == 0) return at;
  }
  return line.size();
}

std::string_view unquoted(std::string_view word) {
  while (!word.empty() && (word.front() == '"' || word.front() == '\'')) word.remove_prefix(1);
  while (!word.empty() && (word.back() == '"' || word.back() == '\'')) word.remove_suffix(1);
  return word;
}

}  // namespace

bool is_secret_name(std::string_view key) {
  std::string lower(key.substr(0, 64));
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (lower == "socket") return false;  // Two letters from "secret".
  for (const char* part : {"pass", "pwd", "secret", "token"}) {
    if (lower.find(part) != std::string::npos) return true;
  }
  for (const char* name : {"password", "token", "secret", "centre"}) {
    if (edit_distance(lower, name) <= 2) return true;
  }
  return false;
}

bool looks_like_key(std::string_view text) {
  constexpr std::size_t kKeyMin = 32;
  if (text.starts_with("-----BEGIN")) return true;
  const auto in_key = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
           c == '/' || c == '=';
  };
  return text.size() >= kKeyMin && std::ranges::all_of(text, in_key);
}

std::string shown_key(std::string_view key) {
  const std::size_t sign = key.find_first_of("=: ");
  if (sign == kNowhere || !is_secret_name(key.substr(0, sign))) return std::string(key);
  return std::string(key.substr(0, sign + 1)) + "***";
}

// Up to the last '@' of a word that holds a ':', with or without a scheme: passwords may hold a '/'.
std::string without_credentials(std::string_view line) {
  std::string out;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find_first_of(" \"'"), line.size() - 1) + 1;
    std::string_view word = line.substr(0, end);
    line.remove_prefix(end);
    const std::size_t sign = word.rfind('@');
    if (sign != kNowhere && word.substr(0, sign).find(':') != kNowhere) {
      const std::size_t scheme = word.find("://");
      if (scheme != kNowhere && scheme + 3 <= sign) out += word.substr(0, scheme + 3);
      out += "***";
      word.remove_prefix(sign);
    }
    out += word;
  }
  return out;
}

std::size_t Redaction::secret_at(std::string_view line) {
  bool below_keys = keys_ != kNone;
  std::size_t keys_end = line.size();  // On this line.
  for (std::size_t sign = line.find_first_of(":="); sign != kNowhere;
       sign = line.find_first_of(":=", sign + 1)) {
    std::size_t begin = 0;
    const std::string_view name = name_before(line, sign, begin);
    if (name.empty()) continue;
    std::size_t value = sign + 1;
    while (value < line.size() && line[value] == ' ') ++value;
    if (name == "keys" && (begin == 0 || line[begin - 1] == '"')) {
      below_keys = true;
      keys_ = indent_of(line);
      keys_end = end_of_map(line, value);
      if (value < line.size() && line[value] != '{' && line[value] != '#') return value;
      continue;
    }
    const bool own_name = below_keys && sign < keys_end && name != "file" && name != "credential";
    const bool named = name == "key" || name == "key_previous" || name == "mac" || name == "sign";
    const std::string_view word = line.substr(value, line.find_first_of(" ,}#", value) - value);
    const bool block = word.starts_with('|') || word.starts_with('>');
    const bool written = named && (block || looks_like_key(unquoted(word)));
    if (!own_name && !written && !is_secret_name(name)) continue;
    if (!is_reference(line.substr(value))) return value;
  }
  return kNowhere;
}

std::size_t Redaction::shown(std::string_view line) {
  const std::size_t indent = indent_of(line);
  if (indent == line.size()) return kAll;
  const bool item = line[indent] == '-';  // A list may stand below its key without indentation.
  const bool inside =
      secret_ != kNone && (indent > secret_ || next_ || (open_ && item && indent == secret_));
  next_ = false;
  if (inside) return is_reference(trim(line)) ? kAll : indent;
  secret_ = kNone;
  if (keys_ != kNone && (item ? indent < keys_ : indent <= keys_)) keys_ = kNone;
  const bool nameless = line.find_first_not_of(" {}[],") != kNowhere && line.find(':') == kNowhere;
  const std::size_t at = keys_ != kNone && nameless ? indent : secret_at(line);
  if (at == kNowhere) return kAll;
  secret_ = indent;
  open_ = next_ = at >= line.size();
  return open_ ? kAll : at;
}

}  // namespace pinaflux::config
