// Calendar by Howard Hinnant's civil_from_days (https://howardhinnant.github.io/date_algorithms.html),
// through std::chrono: no time zone, no locale, exact for every 64-bit count of nanoseconds.

#include "agent/seal/row_json.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>

#include "agent/data/identity.h"
#include "platform/base/double_text.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kDayNs = 86'400'000'000'000;
constexpr std::size_t kIsoMax = 32;
constexpr std::size_t kCellMax = kDoubleTextMax;  // Of what is no text and no bytes.
constexpr std::size_t kTimeMax = 80;              // With its keys.
constexpr std::size_t kKeyStep = 16;
static_assert(kKeyStep <= kCellMax);

std::int64_t day_of(std::int64_t ns) {
  const std::int64_t day = ns / kDayNs;
  return ns % kDayNs < 0 ? day - 1 : day;
}

// JSON has no number for it: a text.
std::string_view not_finite(double value) {
  if (std::isnan(value)) return "\"NaN\"";
  return value < 0 ? "\"-Infinity\"" : "\"Infinity\"";
}

void append_json_double(JsonWriter& to, double value) {
  if (std::isfinite(value)) {
    to.number(value);
  } else {
    to.raw(not_finite(value));
  }
}

// `width` digits, with zeros in front.
template <int width>
char* put_digits(char* to, std::uint32_t value) {
  for (int i = width; i > 0; value /= 10) to[--i] = static_cast<char>('0' + value % 10);
  return to + width;
}

char* put(char* to, std::string_view text) {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

char* put_iso_day(char* to, std::int64_t ns) {
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(day_of(ns))))};
  to = put_digits<4>(to, static_cast<std::uint32_t>(static_cast<int>(date.year())));
  *to++ = '-';
  to = put_digits<2>(to, static_cast<unsigned>(date.month()));
  *to++ = '-';
  return put_digits<2>(to, static_cast<unsigned>(date.day()));
}

char* put_iso_time(char* to, std::int64_t ns) {
  const std::int64_t rest = ns % kDayNs;
  const std::int64_t within = rest < 0 ? rest + kDayNs : rest;
  const auto second = static_cast<std::uint32_t>(within / kSecondNs);
  to = put_iso_day(to, ns);
  *to++ = 'T';
  to = put_digits<2>(to, second / 3600);
  *to++ = ':';
  to = put_digits<2>(to, second / 60 % 60);
  *to++ = ':';
  to = put_digits<2>(to, second % 60);
  *to++ = '.';
  to = put_digits<9>(to, static_cast<std::uint32_t>(within - std::int64_t{second} * kSecondNs));
  *to++ = 'Z';
  return to;
}

template <typename T>
char* put_number(char* to, T value) {
  return std::to_chars(to, to + kCellMax, value).ptr;
}

char* put_time(char* to, const Stamp& time) {
  if (time.boot == 0) {
    to = put_iso_time(put(to, ",\"_time\":\""), time.ns);
    *to++ = '"';
    return to;
  }
  to = put_number(put(to, ",\"_since_boot_ns\":"), time.ns);
  return put_number(put(to, ",\"_boot\":"), time.boot);
}

bool is_short(Type type) { return type != Type::text && type != Type::bytes; }

// Of a value that is short.
char* put_cell(char* to, const Value& value) {
  switch (value.type()) {
    case Type::int64: return put_number(to, value.as_int64());
    case Type::uint64: return put_number(to, value.as_uint64());
    case Type::float64: break;
    case Type::boolean: return put(to, value.as_boolean() ? "true" : "false");
    default: return put(to, "null");
  }
  const double number = value.as_float64();
  return std::isfinite(number) ? put_double(to, number) : put(to, not_finite(number));
}

// Most keys are one step. There is room for a cell behind them.
char* put_key(char* to, const char* key, std::size_t size) {
  std::memcpy(to, key, kKeyStep);
  if (size > kKeyStep) std::memcpy(to + kKeyStep, key + kKeyStep, size - kKeyStep);
  return to + size;
}

// Short values are written where there is room for all of them, so that nothing is asked before each piece.
void append_time_and_fields(std::string& to, const JsonLineForm& form, const Row& row) {
  const std::size_t count = form.key_ends.size();
  std::size_t field = 0, key = 0;
  const auto put_short = [&](char* at) {
    if (field == 0) at = put_time(at, row.time);
    for (; field < count && is_short(row.values[field].type()); ++field) {
      const std::size_t end = form.key_ends[field];
      if (row.values[field].type() != Type::absent) {
        at = put_key(at, form.keys.data() + key, end - key);
        at = put_cell(at, row.values[field]);
      }
      key = end;
    }
    return at;
  };
  for (;;) {
    const std::size_t before = to.size();
    to.resize_and_overwrite(before + form.short_max, [&](char* text, std::size_t) {
      return static_cast<std::size_t>(put_short(text + before) - text);
    });
    if (field == count) break;
    const std::size_t end = form.key_ends[field];
    to.append(form.keys, key, end - key);
    key = end;
    const Value& value = row.values[field++];
    append_json_string(to, value.type() == Type::text ? value.as_text() : hex(value.as_bytes()));
  }
  to += "}\n";
}

void append_time_and_fields(JsonWriter& json, const Row& row) {
  if (row.time.boot == 0) {
    json.key("_time").string(iso_time(row.time.ns));
  } else {
    json.key("_since_boot_ns").number(row.time.ns).key("_boot").number(row.time.boot);
  }
  const auto fields = row.shape->fields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (row.values[i].type() == Type::absent) continue;
    json.key(fields[i].starts_with('_') ? "_" + fields[i] : fields[i]);
    append_json_value(json, row.values[i]);
  }
}

}  // namespace

std::string iso_day(std::int64_t ns) {
  char text[kIsoMax];
  return {text, put_iso_day(text, ns)};
}

std::string iso_time(std::int64_t ns) {
  char text[kIsoMax];
  return {text, put_iso_time(text, ns)};
}

std::optional<std::int64_t> parse_iso_time(std::string_view text) {
  static constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd.dddddddddZ";
  const auto fits = [](char c, char form) {
    return form == 'd' ? c >= '0' && c <= '9' : c == form;
  };
  if (!std::ranges::equal(text, kForm, fits)) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t digits) {
    std::int64_t value = 0;
    for (const char c : text.substr(at, digits)) value = value * 10 + (c - '0');
    return value;
  };
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(number(0, 4))),
                                         std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(number(8, 2)))};
  std::int64_t second = number(11, 2) * 3600 + number(14, 2) * 60 + number(17, 2);
  if (!date.ok() || second >= 86'400) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  std::int64_t ns = 0, fraction = number(20, 9);
  second += days * 86'400;
  if (second < 0) ++second, fraction -= kSecondNs;  // The first moment's second begins before it.
  if (__builtin_mul_overflow(second, kSecondNs, &ns) || __builtin_add_overflow(ns, fraction, &ns)) {
    return std::nullopt;
  }
  return ns;
}

std::string json_fields(const Row& row, const std::set<std::size_t>& without) {
  JsonWriter json;
  json.begin_object();
  for (std::size_t i = 0; i < row.shape->field_count(); ++i) {
    const Type type = row.values[i].type();
    if (type == Type::absent || type == Type::null || without.contains(i)) continue;
    append_json_value(json.key(row.shape->fields()[i]), row.values[i]);
  }
  return json.end_object().take();
}

void append_json_value(JsonWriter& to, const Value& value) {
  switch (value.type()) {
    case Type::absent:
    case Type::null: to.null(); return;
    case Type::boolean: to.boolean(value.as_boolean()); return;
    case Type::int64: to.number(value.as_int64()); return;
    case Type::uint64: to.number(value.as_uint64()); return;
    case Type::float64: append_json_double(to, value.as_float64()); return;
    case Type::text: to.string(value.as_text()); return;
    case Type::bytes: to.string(hex(value.as_bytes())); return;
  }
}

void append_json_record(JsonWriter& to, const Row& row) {
  to.begin_object().key("_stream").string(row.shape->stream());
  append_time_and_fields(to, row);
  to.end_object();
}

void append_json_message(std::string& to, const RowIdentity& identity, const Row& row) {
  JsonWriter json;
  json.begin_object();
  json.key("_gateway").string(identity.gateway).key("_epoch").string(identity.epoch);
  json.key("_lane").string(identity.lane).key("_seq").number(identity.seq);
  json.key("_stream").string(row.shape->stream());
  append_time_and_fields(json, row);
  json.end_object();
  to += json.text();
}

JsonLineForm json_line_form(const RowIdentity& identity, const Shape& shape) {
  JsonWriter begin;
  begin.begin_object().key("_stream").string(shape.stream());
  begin.key("_gateway").string(identity.gateway).key("_epoch").string(identity.epoch);
  begin.key("_lane").string(identity.lane).key("_seq");
  const std::size_t count = shape.field_count();
  JsonLineForm form{.begin = begin.take()};
  form.key_ends.reserve(count);
  for (const std::string& field : shape.fields()) {
    form.keys += ',';
    append_json_string(form.keys, field.starts_with('_') ? "_" + field : field);
    form.keys += ':';
    form.key_ends.push_back(form.keys.size());
  }
  form.short_max = kTimeMax + form.keys.size() + count * kCellMax;
  form.keys.append(kKeyStep, ' ');
  return form;
}

void append_json_line(std::string& to, const JsonLineForm& form, std::uint64_t seq,
                      const Row& row) {
  to += form.begin;
  append_unsigned(to, seq);
  append_time_and_fields(to, form, row);
}

void append_json_line(std::string& to, const RowIdentity& identity, const Row& row) {
  const JsonLineForm form = json_line_form(identity, *row.shape);
  to += form.begin;
  if (identity.seq_known) {
    append_unsigned(to, identity.seq);
  } else {
    to += "null";
  }
  if (!identity.salvaged.empty()) {
    to += ",\"_salvaged\":";
    append_json_string(to, identity.salvaged);
    to += ",\"_fields_lost\":";
    append_unsigned(to, identity.fields_lost);
  }
  append_time_and_fields(to, form, row);
}

}  // namespace pinaflux
