// Calendar by Howard Hinnant's civil_from_days (https://howardhinnant.github.io/date_algorithms.html),
// through std::chrono: no time zone, no locale, exact for every 64-bit count of nanoseconds.

#include "agent/seal/row_json.h"

#include <chrono>
#include <cmath>
#include <cstdio>

#include "agent/data/identity.h"

namespace pinaflux {

namespace {

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
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(day_of(ns))))};
  char text[24];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text;
}

std::string iso_time(std::int64_t ns) {
  const std::int64_t within = ns - day_of(ns) * kDayNs;
  const std::int64_t second = within / 1'000'000'000;
  char text[32];
  std::snprintf(text, sizeof text, "T%02d:%02d:%02d.%09dZ", static_cast<int>(second / 3600),
                static_cast<int>(second / 60 % 60), static_cast<int>(second % 60),
                static_cast<int>(within % 1'000'000'000));
  return iso_day(ns) + text;
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

void append_json_line(std::string& to, const RowIdentity& identity, const Row& row) {
  JsonWriter json;
  json.begin_object();
  json.key("_stream").string(row.shape->stream());
  json.key("_gateway").string(identity.gateway).key("_epoch").string(identity.epoch);
  json.key("_lane").string(identity.lane).key("_seq");
  if (identity.seq_known) {
    json.number(identity.seq);
  } else {
    json.null();
  }
  if (!identity.salvaged.empty()) {
    json.key("_salvaged")
        .string(identity.salvaged)
        .key("_fields_lost")
        .number(identity.fields_lost);
  }
  append_time_and_fields(json, row);
  json.end_object();
  to += json.text();
  to += '\n';
}

}  // namespace pinaflux
