#include "agent/cli/moment.h"

#include <algorithm>
#include <chrono>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

std::optional<Duration> parse_age(std::string_view text) {
  const auto count = parse_integer<std::int32_t>(text.substr(0, text.size() - 1));
  if (!count || *count < 0) return std::nullopt;
  switch (text.back()) {
    case 's': return Duration::seconds(*count);
    case 'm': return Duration::minutes(*count);
    case 'h': return Duration::hours(*count);
    case 'd': return Duration::days(std::min(*count, 36'500));
    default: return std::nullopt;
  }
}

// Digits alone: no sign.
std::optional<int> number(std::string_view text, std::size_t at, std::size_t digits) {
  if (text.size() < at + digits) return std::nullopt;
  const auto part = text.substr(at, digits);
  if (part.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  return parse_integer<int>(part);
}

std::optional<std::int64_t> parse_day(std::string_view text) {
  const auto year = number(text, 0, 4), month = number(text, 5, 2), day = number(text, 8, 2);
  if (text.size() != 10 || text[4] != '-' || text[7] != '-' || !year || !month || !day) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

}  // namespace

std::optional<WallTime> parse_moment(std::string_view text, WallTime now) {
  if (text.size() < 2) return std::nullopt;
  if (const auto age = parse_age(text)) return WallTime{now.ns - age->ns};
  const auto day = parse_day(text.substr(0, 10));
  if (!day) return std::nullopt;
  std::int64_t seconds = *day * 86'400;
  const std::string_view rest = text.substr(10);
  if (!rest.empty()) {
    const auto hour = number(rest, 1, 2), minute = number(rest, 4, 2), second = number(rest, 7, 2);
    if (rest.size() != 10 || rest[0] != 'T' || rest[3] != ':' || rest[6] != ':' || rest[9] != 'Z' ||
        !hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 59) {
      return std::nullopt;
    }
    seconds += *hour * 3600 + *minute * 60 + *second;
  }
  return WallTime{seconds * 1'000'000'000};
}

}  // namespace pinaflux
