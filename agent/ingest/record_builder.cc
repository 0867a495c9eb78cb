#include "agent/ingest/record_builder.h"

// The prediction. Machines repeat themselves: the record after {"t":1,"v":2} on a stream is
// {"t":1,"v":3}. So the names are compared in order with those of the stream's last shape, and
// while they agree there is nothing to hash, copy or look up. The first name that differs turns the
// rest of the record to the slow way: the names so far are taken from the prediction, the others
// are copied into the arena, and Shapes is asked once at the end. Names of a shape are distinct, so
// only the slow way has to look for duplicates.

#include <algorithm>
#include <cmath>
#include <cstring>

#include "platform/base/text.h"

namespace pinaflux {

namespace {
bool is_joined(std::string_view whole, std::string_view prefix, std::string_view name) {
  return whole.size() == prefix.size() + name.size() && whole.starts_with(prefix) &&
         whole.ends_with(name);
}
}  // namespace

void RecordBuilder::begin(Intake& intake, std::string_view stream) {
  if (shapes_ != &intake.shapes()) {
    shapes_ = &intake.shapes();
    last_ = nullptr;
    last_by_stream_.clear();
  }
  intake_ = &intake;
  stream_ = stream;
  time_taken_ = false;
  time_.reset();
  values_.clear();
  names_.clear();
  if (last_ == nullptr || last_->stream() != stream) {
    const auto found = last_by_stream_.find(stream);
    last_ = found == last_by_stream_.end() ? nullptr : found->second;
  }
  predicted_ = last_;
}

std::string_view RecordBuilder::keep(std::string_view text) { return intake_->arena().copy(text); }

Built RecordBuilder::add(std::string_view prefix, std::string_view name, Value value) {
  const std::size_t i = values_.size();
  if (predicted_ != nullptr && i < predicted_->field_count() &&
      is_joined(predicted_->fields()[i], prefix, name)) {
    values_.push_back(value);
    return {};
  }
  if (!time_field_.field.empty() && is_joined(time_field_.field, prefix, name)) {
    return take_time(value);
  }
  return add_unpredicted(prefix, name, value);
}

Built RecordBuilder::take_time(const Value& value) {
  if (time_taken_) return refuse(Reason::duplicate_field);
  time_taken_ = true;
  if (value.type() == Type::null) return {};
  const auto ns = time_of(value, time_field_.unit);
  if (!ns) return std::unexpected(ns.error());
  time_ = Stamp::wall(WallTime{*ns});
  return {};
}

void RecordBuilder::names_of_prediction() {
  const auto fields = predicted_->fields();
  names_.assign(fields.begin(), fields.begin() + static_cast<std::ptrdiff_t>(values_.size()));
  predicted_ = nullptr;
}

Built RecordBuilder::add_unpredicted(std::string_view prefix, std::string_view name, Value value) {
  const std::size_t size = prefix.size() + name.size();
  if (size > limits::kNameBytesMax) return refuse(Reason::too_large);
  if (values_.size() >= limits::kFieldsMax) return refuse(Reason::too_many_fields);
  if (predicted_ != nullptr) names_of_prediction();
  char* joined = static_cast<char*>(intake_->arena().allocate(size + 1, 1));
  if (joined == nullptr) return no_room();
  std::ranges::copy(prefix, joined);
  std::ranges::copy(name, joined + prefix.size());
  names_.push_back({joined, size});
  values_.push_back(value);
  return {};
}

bool RecordBuilder::names_repeat() {
  sorted_ = names_;
  std::ranges::sort(sorted_);
  return std::ranges::adjacent_find(sorted_) != sorted_.end();
}

std::expected<const Shape*, Fault> RecordBuilder::shape() {
  if (predicted_ != nullptr && predicted_->field_count() == values_.size()) return predicted_;
  if (predicted_ != nullptr) names_of_prediction();
  if (stream_.size() > limits::kNameBytesMax) return refuse(Reason::too_large);
  if (names_repeat()) return refuse(Reason::duplicate_field);
  const Shape* shape = intake_->shapes().intern(stream_, names_);
  if (shape == nullptr) return refuse(Reason::shapes_exhausted);
  last_ = shape;
  last_by_stream_[shape->stream()] = shape;
  return shape;
}

Built RecordBuilder::finish(Stamp arrival) {
  if (values_.empty()) return refuse(Reason::malformed);
  const auto found = shape();
  if (!found) return std::unexpected(found.error());
  if (!intake_->room(values_.size() * sizeof(Value), 1)) return no_room();
  const auto cells = intake_->arena().array<Value>(values_.size());
  if (cells.empty()) return no_room();
  std::ranges::copy(values_, cells.begin());
  intake_->add(RawRecord{Row{*found, cells.data(), time_.value_or(arrival)}});
  return {};
}

// ---- times

namespace {

std::int64_t ns_per(TimeField::Unit unit) {
  switch (unit) {
    case TimeField::Unit::s: return 1'000'000'000;
    case TimeField::Unit::ms: return 1'000'000;
    case TimeField::Unit::us: return 1'000;
    case TimeField::Unit::ns:
    case TimeField::Unit::rfc3339: break;
  }
  return 1;
}

std::expected<std::int64_t, Fault> scaled(std::int64_t whole, std::int64_t scale) {
  std::int64_t ns = 0;
  if (__builtin_mul_overflow(whole, scale, &ns)) return refuse(Reason::bad_time);
  return ns;
}

std::expected<std::int64_t, Fault> scaled(double value, std::int64_t scale) {
  const double whole = std::floor(value);
  if (!(std::abs(whole) < 9.0e18 / static_cast<double>(scale))) return refuse(Reason::bad_time);
  return static_cast<std::int64_t>(whole) * scale +
         std::llround((value - whole) * static_cast<double>(scale));
}

// Exactly `count` digits off the front; -1 if they are not there.
int digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return -1;
  int value = 0;
  for (char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

bool within(int value, int low, int high) { return value >= low && value <= high; }

// Days since 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible
// low-level date algorithms", days_from_civil).
std::int64_t days_from_civil(int year, int month, int day) {
  const int y = month <= 2 ? year - 1 : year;
  const int era = (y >= 0 ? y : y - 399) / 400;
  const int of_era = y - era * 400;
  const int of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return std::int64_t{era} * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int days_in_month(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

// "12:34:56", in seconds; -1 if it is none. A leap second counts as the second before it.
int time_of_day(std::string_view& text) {
  const int hour = digits(text, 2);
  if (!take(text, ":")) return -1;
  const int minute = digits(text, 2);
  if (!take(text, ":")) return -1;
  const int second = digits(text, 2);
  if (!within(hour, 0, 23) || !within(minute, 0, 59) || !within(second, 0, 60)) return -1;
  return hour * 3600 + minute * 60 + std::min(second, 59);
}

// ".123", in nanoseconds; -1 for a point without digits.
std::int64_t fraction(std::string_view& text) {
  if (!take(text, ".")) return 0;
  std::int64_t ns = 0;
  std::int64_t unit = 100'000'000;
  const std::size_t before = text.size();
  for (int d = digits(text, 1); d >= 0; d = digits(text, 1)) {
    ns += d * unit;
    unit /= 10;
  }
  return text.size() == before ? -1 : ns;
}

// "Z" or "+02:00", in seconds east of Greenwich.
bool offset(std::string_view& text, int& seconds) {
  seconds = 0;
  if (take(text, "Zz")) return true;
  const bool west = text.starts_with('-');
  if (!take(text, "+-")) return false;
  const int hour = digits(text, 2);
  if (!take(text, ":")) return false;
  const int minute = digits(text, 2);
  if (!within(hour, 0, 23) || !within(minute, 0, 59)) return false;
  seconds = (west ? -1 : 1) * (hour * 3600 + minute * 60);
  return true;
}

}  // namespace

std::expected<std::int64_t, Fault> parse_rfc3339(std::string_view text) {
  const int year = digits(text, 4);
  if (!take(text, "-")) return refuse(Reason::bad_time);
  const int month = digits(text, 2);
  if (!take(text, "-")) return refuse(Reason::bad_time);
  const int day = digits(text, 2);
  if (!within(year, 0, 9999) || !within(month, 1, 12) ||
      !within(day, 1, days_in_month(year, month)) || !take(text, "Tt ")) {
    return refuse(Reason::bad_time);
  }
  const int second = time_of_day(text);
  const std::int64_t ns = fraction(text);
  int east = 0;
  if (second < 0 || ns < 0 || !offset(text, east) || !text.empty()) return refuse(Reason::bad_time);
  const std::int64_t seconds = days_from_civil(year, month, day) * 86'400 + second - east;
  auto whole = scaled(seconds, std::int64_t{1'000'000'000});
  if (!whole || __builtin_add_overflow(*whole, ns, &*whole)) return refuse(Reason::bad_time);
  return *whole;
}

std::expected<std::int64_t, Fault> time_of(const Value& value, TimeField::Unit unit) {
  const bool is_text = value.type() == Type::text;
  if (unit == TimeField::Unit::rfc3339) {
    return is_text ? parse_rfc3339(value.as_text()) : refuse(Reason::bad_time);
  }
  const std::int64_t scale = ns_per(unit);
  if (value.type() == Type::int64) return scaled(value.as_int64(), scale);
  if (value.type() == Type::float64) return scaled(value.as_float64(), scale);
  if (!is_text) return refuse(Reason::bad_time);
  if (const auto whole = parse_integer<std::int64_t>(value.as_text())) return scaled(*whole, scale);
  if (const auto real = parse_double(value.as_text())) return scaled(*real, scale);
  return refuse(Reason::bad_time);
}

}  // namespace pinaflux
