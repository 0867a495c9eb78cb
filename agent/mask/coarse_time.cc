// A text is changed in place, without a calendar: the date and the offset stay as they are, the seconds of the day
// are moved back. So 2026-01-31T23:59:59.5+10:00 to the hour is 2026-01-31T23:00:00+10:00.

#include "agent/mask/coarse_time.h"

#include <cmath>
#include <cstring>

namespace pinaflux {

namespace {

constexpr std::int64_t kSecondsFirst = 631'152'000;   // 1990-01-01.
constexpr std::int64_t kSecondsLast = 7'258'118'400;  // 2200-01-01.
constexpr std::int64_t kNsOfSecond = 1'000'000'000;

std::int64_t step_back(std::int64_t value, std::int64_t step) {
  const std::int64_t rest = value % step;
  return value - (rest < 0 ? rest + step : rest);
}

class TimeText {
 public:
  explicit TimeText(std::string_view text) : text_(text) {}

  bool parse() {
    if (text_.size() > kTimeTextMax || !date()) return false;
    if (at_ == text_.size()) return true;
    if (!one_of("Tt ")) return false;
    clock_ = at_;
    if (!two_digits(hour_, 23) || !one_of(":") || !two_digits(minute_, 59)) return false;
    if (one_of(":")) {
      has_seconds_ = true;
      if (!two_digits(second_, 60)) return false;
      if (one_of(".,") && !fraction()) return false;
    }
    zone_ = at_;
    return zone();
  }

  // After parse().
  std::string_view write(Duration step, char* to) const {
    if (clock_ == 0) return copy(text_, 0, to);
    const int day_second = hour_ * 3600 + minute_ * 60 + (second_ > 59 ? 59 : second_);
    const auto second = static_cast<int>(step_back(day_second, step.ns / kNsOfSecond));
    std::size_t size = copy(text_.substr(0, clock_), 0, to).size();
    const auto put = [&](int value) {
      to[size++] = static_cast<char>('0' + value / 10);
      to[size++] = static_cast<char>('0' + value % 10);
    };
    put(second / 3600);
    to[size++] = ':';
    put(second / 60 % 60);
    if (has_seconds_) {
      to[size++] = ':';
      put(second % 60);
    }
    return copy(text_.substr(zone_), size, to);
  }

 private:
  static std::string_view copy(std::string_view piece, std::size_t at, char* to) {
    if (!piece.empty()) std::memmove(to + at, piece.data(), piece.size());
    return {to, at + piece.size()};
  }
  bool digit(int& value) {
    if (at_ == text_.size() || text_[at_] < '0' || text_[at_] > '9') return false;
    value = text_[at_++] - '0';
    return true;
  }
  bool two_digits(int& value, int most) {
    int tens = 0, ones = 0;
    if (!digit(tens) || !digit(ones)) return false;
    value = tens * 10 + ones;
    return value <= most;
  }
  bool one_of(std::string_view choices) {
    if (at_ == text_.size() || choices.find(text_[at_]) == std::string_view::npos) return false;
    ++at_;
    return true;
  }
  bool date() {
    int century = 0, year = 0, month = 0, day = 0;
    return two_digits(century, 99) && two_digits(year, 99) && one_of("-") &&
           two_digits(month, 12) && one_of("-") && two_digits(day, 31);
  }
  bool fraction() {
    int one = 0, count = 0;
    while (digit(one)) ++count;
    return count > 0;
  }
  bool zone() {
    if (at_ == text_.size()) return true;
    if (one_of("Zz")) return at_ == text_.size();
    int hour = 0, minute = 0;
    if (!one_of("+-") || !two_digits(hour, 23)) return false;
    if (at_ == text_.size()) return true;
    one_of(":");
    return two_digits(minute, 59) && at_ == text_.size();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t clock_ = 0;  // Where hours begin; 0: the date alone.
  std::size_t zone_ = 0;
  int hour_ = 0, minute_ = 0, second_ = 0;
  bool has_seconds_ = false;
};

}  // namespace

bool is_time_step(Duration step) {
  return step.ns > 0 && step.ns % kNsOfSecond == 0 && Duration::days(1).ns % step.ns == 0;
}

bool coarsen(Value& value, Duration step, Duration tick, char* to) {
  if (value.type() == Type::text) {
    TimeText text(value.as_text());
    if (!text.parse()) return false;
    char written[kTimeTextMax + 8];
    const std::string_view coarse = text.write(step, written);
    std::memcpy(to, coarse.data(), coarse.size());
    value = Value::text({to, coarse.size()});
    return true;
  }
  const std::int64_t per_second = kNsOfSecond / tick.ns, ticks = step.ns / tick.ns;
  const auto first = static_cast<double>(kSecondsFirst) * static_cast<double>(per_second);
  const auto last = static_cast<double>(kSecondsLast) * static_cast<double>(per_second);
  const double d = value.to_double();
  if (!value.is_number() || !(d >= first && d < last)) return false;
  if (value.type() == Type::int64) {
    value = Value::int64(step_back(value.as_int64(), ticks));
  } else {
    value = Value::float64(std::floor(d / static_cast<double>(ticks)) * static_cast<double>(ticks));
  }
  return true;
}

void coarsen(Stamp& stamp, Duration step) { stamp.ns = step_back(stamp.ns, step.ns); }

}  // namespace pinaflux
