// Calendar by Howard Hinnant's civil_from_days (https://howardhinnant.github.io/date_algorithms.html),
// through std::chrono: no time zone, no locale, exact for every 64-bit count of nanoseconds.

#include "agent/seal/row_json.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "agent/data/identity.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kDayNs = 86'400'000'000'000;

std::int64_t day_of(std::int64_t ns) {
  const std::int64_t day = ns / kDayNs;
  return ns % kDayNs < 0 ? day - 1 : day;
}

void append_json_double(JsonWriter& to, double value) {
  if (std::isnan(value)) {
    to.string("NaN");
  } else if (std::isinf(value)) {
    to.string(value < 0 ? "-Infinity" : "Infinity");
  } else {
    to.number(value);
  }
}

// `width` digits, with zeros in front.
void append_digits(std::string& to, std::int64_t value, int width) {
  char digits[20];
  for (int i = width; i > 0; value /= 10) digits[--i] = static_cast<char>('0' + value % 10);
  to.append(digits, static_cast<std::size_t>(width));
}

void append_iso_day(std::string& to, std::int64_t ns) {
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(day_of(ns))))};
  append_digits(to, static_cast<int>(date.year()), 4);
  to += '-';
  append_digits(to, static_cast<unsigned>(date.month()), 2);
  to += '-';
  append_digits(to, static_cast<unsigned>(date.day()), 2);
}

void append_iso_time(std::string& to, std::int64_t ns) {
  const std::int64_t rest = ns % kDayNs;
  const std::int64_t within = rest < 0 ? rest + kDayNs : rest;
  const std::int64_t second = within / 1'000'000'000;
  append_iso_day(to, ns);
  to += 'T';
  append_digits(to, second / 3600, 2);
  to += ':';
  append_digits(to, second / 60 % 60, 2);
  to += ':';
  append_digits(to, second % 60, 2);
  to += '.';
  append_digits(to, within % 1'000'000'000, 9);
  to += 'Z';
}

// What a line is mostly made of goes straight into its text.
void append_cell(std::string& to, const Value& value) {
  switch (value.type()) {
    case Type::int64: return append_integer(to, value.as_int64());
    case Type::uint64: return append_unsigned(to, value.as_uint64());
    case Type::text: return append_json_string(to, value.as_text());
    case Type::float64:
      if (std::isfinite(value.as_float64())) return append_double(to, value.as_float64());
      break;
    default: break;
  }
  JsonWriter rare;
  append_json_value(rare, value);
  to += rare.text();
}

void append_time_and_fields(std::string& to, const JsonLineForm& form, const Row& row) {
  if (row.time.boot == 0) {
    to += ",\"_time\":\"";
    append_iso_time(to, row.time.ns);
    to += '"';
  } else {
    to += ",\"_since_boot_ns\":";
    append_integer(to, row.time.ns);
    to += ",\"_boot\":";
    append_unsigned(to, row.time.boot);
  }
  for (std::size_t i = 0; i < form.keys.size(); ++i) {
    if (row.values[i].type() == Type::absent) continue;
    to += form.keys[i];
    append_cell(to, row.values[i]);
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
  std::string text;
  append_iso_day(text, ns);
  return text;
}

std::string iso_time(std::int64_t ns) {
  std::string text;
  append_iso_time(text, ns);
  return text;
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
  JsonLineForm form{begin.take(), {}};
  form.keys.reserve(shape.field_count());
  for (const std::string& field : shape.fields()) {
    std::string& key = form.keys.emplace_back(1, ',');
    append_json_string(key, field.starts_with('_') ? "_" + field : field);
    key += ':';
  }
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
