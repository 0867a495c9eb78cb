#include "agent/collector/names.h"

#include <algorithm>
#include <array>

#include "platform/base/text.h"

namespace pinaflux::names {

namespace {

constexpr std::array<std::string_view, 10> kOurs = {
    "_id", "_gateway", "_epoch", "_lane", "_seq", "_time", "_boot", "_anchor", "_more", "_stream"};

std::string_view cut(std::string_view name, std::size_t bytes_max) {
  if (name.size() <= bytes_max) return name;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  return name.substr(0, end);
}

}  // namespace

std::string lower(std::string_view name) {
  std::string text(name);
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::string speakable(std::string_view text) {
  std::string name;
  while (!text.empty()) {
    const std::size_t bytes = utf8_bytes(text);
    if (bytes == 0 || text[0] == '\0') {
      name += '?';
    } else {
      name += text.substr(0, bytes);
    }
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return name;
}

std::string numbered(std::string_view name, int number, std::size_t bytes_max) {
  if (number == 1) return std::string(cut(name, bytes_max));
  const std::string end = "_" + std::to_string(number);
  return std::string(cut(name, bytes_max - end.size())) + end;
}

std::string table(std::string_view stream) {
  std::string name = speakable(stream);
  const std::string key = lower(name);
  const bool reserved = name.empty() || key.starts_with("sqlite_") || key.starts_with("pinaflux_");
  return reserved ? "stream_" + name : name;
}

std::string column(const std::set<std::string>& taken, std::string_view field,
                   std::size_t bytes_max) {
  std::string name = speakable(field);
  if (name.empty()) name = "field";
  for (int number = 1;; ++number) {
    const std::string candidate = numbered(name, number, bytes_max);
    const std::string key = lower(candidate);
    if (!std::ranges::contains(kOurs, key) && !taken.contains(key)) return candidate;
  }
}

}  // namespace pinaflux::names
