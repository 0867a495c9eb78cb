// A value is compared as JSON has it: 5.0 is written as 5 and may come back as 5 or 5.0, "é" as "é"; both are the value that
// was asked, whose packed bytes are copied. So what JSON cannot say (bytes, NaN, text that is not UTF-8, the type of a number) survives a
// program that passes it on.

#include "agent/pipeline/execd_lines.h"

#include <algorithm>

#include "agent/pipeline/json_text.h"
#include "agent/pipeline/number_order.h"
#include "agent/pipeline/stream_name.h"
#include "agent/seal/row_json.h"
#include "platform/base/json_writer.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::size_t kTextsBytesMax = 2 << 20;  // Of an answer's line, decoded.
// No time that a process sets is nearer to what a Stamp can hold: 9 years, as windows take it.
constexpr std::int64_t kAnswerTimeMax = INT64_MAX - (std::int64_t{1} << 58);

// "2026-07-25T06:14:09Z", with up to nine digits of a fraction, and +00:00 for Z.
std::optional<std::int64_t> parse_utc(std::string_view text) {
  constexpr std::size_t kSecond = 19, kWhole = 29;
  if (text.ends_with("+00:00")) {
    text.remove_suffix(6);
  } else if (text.ends_with('Z')) {
    text.remove_suffix(1);
  } else {
    return std::nullopt;
  }
  std::string whole(text);
  if (whole.size() == kSecond) whole += '.';
  if (whole.size() > kWhole || whole.ends_with('.') != (text.size() == kSecond)) return {};
  whole.resize(kWhole, '0');
  return parse_iso_time(whole + 'Z');
}

bool comes_back(const Value& asked, const Value& said) {
  if (asked.is_number() && said.is_number()) {
    return compare_number(asked, said) == std::partial_ordering::equivalent;
  }
  if (!said.is_view()) return identical(asked, said);
  if (identical(asked, said)) return true;
  JsonWriter a, b;
  append_json_value(a, asked);
  append_json_value(b, said);
  return a.text() == b.text();
}

}  // namespace

void append_question(std::uint64_t id, Bytes packed, std::string& to) {
  PackedRecord record(packed);
  JsonWriter json;
  json.begin_object().key("id").number(id).key("stream").string(record.stream());
  if (record.time().boot == 0) {
    json.key("time").string(iso_time(record.time().ns));
  } else {
    json.key("since_boot_ns").number(record.time().ns).key("boot").number(record.time().boot);
  }
  json.key("fields").begin_object();
  while (record.next()) {
    const Value value = unpack_value(record.value());
    if (value.type() != Type::absent) append_json_value(json.key(record.name()), value);
  }
  json.end_object().end_object();
  to += json.text();
  to += '\n';
}

ExecdAnswer::ExecdAnswer(Shapes& shapes, std::size_t records_max, std::size_t fields_max)
    : records_max_(records_max),
      fields_max_(fields_max),
      texts_(kTextsBytesMax),
      fields_(shapes, limits::kFieldsMax) {}

const char* ExecdAnswer::read(std::string_view line, std::uint64_t id, Bytes asked) {
  record_count_ = 0;
  id_.reset();
  refusal_.reset();
  several_ = {};
  if (const char* why = read_asked(asked)) return why;
  Said said;
  if (const char* why = read_members(line, said, true)) return why;
  if (id_ != id) return "its id is not that of the oldest line without an answer";
  if (refusal_) return nullptr;
  if (!several_.empty()) return read_records(several_);
  return said.fields.empty() ? nullptr : make(said);
}

const char* ExecdAnswer::read_asked(Bytes packed) {
  PackedRecord record(packed);
  asked_.clear();
  while (record.next()) asked_.push_back({record.name(), record.value()});
  if (record.failed()) return "the record is damaged";
  source_ = record.source();
  time_ = record.time();
  stream_ = record.stream();
  asked_bytes_ = packed.size();
  return nullptr;
}

// `whole`: of the line, not of one of its records.
const char* ExecdAnswer::read_members(std::string_view object, Said& to, bool whole) {
  JsonText json(object, texts_);
  if (const char* why = json.begin_object()) return why;
  std::string_view key, value;
  while (true) {
    const auto next = json.next_member(key);
    if (next == JsonText::Next::end) return nullptr;
    if (next == JsonText::Next::broken) return JsonText::kNoJson;
    std::optional<std::string>* const text = key == "stream"           ? &to.stream
                                             : key == "time"           ? &to.time
                                             : whole && key == "error" ? &refusal_
                                                                       : nullptr;
    const bool is_id = whole && key == "id", is_records = whole && key == "records";
    const bool is_fields = key == "fields";
    if (!json.skip(value)) return JsonText::kNoJson;
    if (is_id) id_ = parse_integer<std::uint64_t>(value);
    if (value == "null") continue;  // As if it were not there.
    if (is_records) several_ = value;
    if (is_fields) to.fields = value;
    if (is_fields && !value.starts_with('{')) return "its fields are no JSON object";
    if (is_records && !value.starts_with('[')) return "its records are no JSON array";
    if (text == nullptr) continue;
    JsonText string(value, texts_);
    if (!string.text(value)) return "its stream, time or error is no text";
    text->emplace(value);
  }
}

const char* ExecdAnswer::read_records(std::string_view array) {
  JsonText json(array, texts_);
  if (const char* why = json.begin_array()) return why;
  for (std::size_t count = 0;; ++count) {
    const auto next = json.next();
    if (next == JsonText::Next::end) return nullptr;
    std::string_view object;
    if (next == JsonText::Next::broken || !json.skip(object)) return JsonText::kNoJson;
    if (count == records_max_) return "it has more than records_max records";
    Said said;
    if (const char* why = read_members(object, said, false)) return why;
    if (said.fields.empty()) return "one of its records has no fields";
    if (const char* why = make(said)) return why;
  }
}

std::optional<Stamp> ExecdAnswer::time_of(const Said& said) const {
  if (!said.time || (time_.boot == 0 && *said.time == iso_time(time_.ns))) return time_;
  const auto ns = parse_utc(*said.time);
  if (!ns || *ns > kAnswerTimeMax || *ns < -kAnswerTimeMax) return std::nullopt;
  return Stamp::wall(WallTime{*ns});
}

// Most come back in their order.
const ExecdAnswer::Asked* ExecdAnswer::asked_field(std::string_view name, std::size_t near) const {
  if (near < asked_.size() && asked_[near].name == name) return &asked_[near];
  const auto at = std::ranges::find(asked_, name, &Asked::name);
  return at == asked_.end() ? nullptr : &*at;
}

// A record without fields goes nowhere.
const char* ExecdAnswer::make(const Said& said) {
  const std::string_view stream = said.stream ? *said.stream : stream_;
  if (stream != stream_ && !is_stream_name(stream)) {
    return "its stream is no name of a stream, or one of the agent's own";
  }
  const auto time = time_of(said);
  if (!time) return "its time is none such as 2026-07-25T06:14:09.123Z";
  texts_.reset();
  fields_.clear();
  if (const char* why = JsonText(said.fields, texts_).document({}, fields_)) return why;
  const auto names = fields_.names();
  if (names.empty()) return nullptr;
  if (record_count_ == records_.size()) records_.emplace_back();
  Buffer& to = records_[record_count_];
  to.clear();
  begin_packed(source_, *time, stream, names.size(), to);
  Writer writer(to);
  std::size_t added = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Value& value = fields_.values()[i];
    const Asked* const asked = asked_field(names[i], i);
    const Value before = asked == nullptr ? Value() : unpack_value(asked->value);
    if (before.type() == Type::absent && ++added > fields_max_) {
      return "a record has more than fields_max new fields";
    }
    writer.text(names[i]);
    if (asked != nullptr && comes_back(before, value)) {
      writer.raw(asked->value);
    } else {
      pack_value(value, writer);
    }
  }
  if (to.size() > std::max(limits::kRecordBytesMax, asked_bytes_)) {
    return "a record has more than 64 KiB";
  }
  ++record_count_;
  return nullptr;
}

}  // namespace pinaflux
