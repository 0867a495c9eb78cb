// {"_stream":"s","_gateway":"g","_epoch":"e","_lane":"l","_seq":9,"_time":"2026-07-25T12:00:00.000000000Z","v":1}
//            ---  --------------------------------------                                                  ------
//            stream              lane                                                                     fields
//
// The order is always the same, so nothing of it is parsed but the ends of texts. In place of "_time":
// "_since_boot_ns":5,"_boot":77.

#include "agent/collector/landed_line.h"

#include <bit>
#include <charconv>
#include <cstring>

#include "platform/base/json_writer.h"

namespace pinaflux {

namespace {

constexpr std::size_t kIsoBytes = 30;

bool eat(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

template <typename T>
bool eat_number(std::string_view& text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool eat_string(std::string_view& text, std::string_view& value) {
  if (!text.starts_with('"')) return false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
      continue;
    }
    if (text[i] != '"') continue;
    value = text.substr(0, i + 1);
    text.remove_prefix(i + 1);
    return true;
  }
  return false;
}

bool eat_who(std::string_view& text, std::string_view& value) {
  const std::string_view before = text;
  std::string_view any;
  for (const std::string_view key : {"\"_gateway\":", ",\"_epoch\":", ",\"_lane\":"}) {
    if (!eat(text, key) || !eat_string(text, any)) return false;
  }
  value = before.substr(0, before.size() - text.size());
  return true;
}

bool eat_time(std::string_view& text, Stamp& time) {
  if (eat(text, ",\"_time\":\"")) {
    const auto ns = parse_iso_time(text.substr(0, kIsoBytes));
    if (!ns) return false;
    text.remove_prefix(kIsoBytes);
    time = {*ns, 0};
    return eat(text, "\"");
  }
  return eat(text, ",\"_since_boot_ns\":") && eat_number(text, time.ns) &&
         eat(text, ",\"_boot\":") && eat_number(text, time.boot);
}

}  // namespace

std::optional<LandedLine> read_line(std::string_view line) {
  LandedLine read;
  const bool known = eat(line, "{\"_stream\":") && eat_string(line, read.stream) &&
                     eat(line, ",") && eat_who(line, read.lane) && eat(line, ",\"_seq\":") &&
                     eat_number(line, read.seq) && eat_time(line, read.time) && line.ends_with('}');
  if (!known) return std::nullopt;
  read.fields = line;
  return read;
}

// FNV-1a by eight bytes, little-endian, each step folded.
std::uint64_t line_sum(std::string_view line) {
  constexpr std::uint64_t kPrime = 0x100000001b3;
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  std::uint64_t sum = 0xcbf29ce484222325 ^ line.size();
  const auto add = [&](std::uint64_t word) {
    if constexpr (std::endian::native == std::endian::big) word = std::byteswap(word);
    sum = (sum ^ word) * kPrime;
    sum ^= sum >> 32;
  };
  std::uint64_t word = 0;
  std::size_t at = 0;
  for (; at + kWord <= line.size(); at += kWord) {
    std::memcpy(&word, line.data() + at, kWord);
    add(word);
  }
  if (at == line.size()) return sum;
  word = 0;
  std::memcpy(&word, line.data() + at, line.size() - at);
  add(word);
  return sum;
}

std::string who_of(std::string_view gateway, std::string_view epoch, std::string_view lane) {
  JsonWriter json;
  json.key("_gateway").string(gateway).key("_epoch").string(epoch).key("_lane").string(lane);
  return json.take();
}

}  // namespace pinaflux
