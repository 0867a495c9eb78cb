// {"_stream":"boiler/flow","_time":"2026-11-26T05:00:00Z","n":5,"__x":1}
//
// is read as any JSON that a source brings; then the members that begin with one underscore are taken out (stream
// and time; what `decode` and `queue peek` print beside them is ignored), and `__x` becomes `_x` again.

#include "agent/agent/edited_record.h"

#include "agent/ingest/json.h"
#include "agent/seal/row_json.h"

namespace pinaflux {

namespace {

std::string json_of(const Value& value) {
  JsonWriter json;
  append_json_value(json, value);
  return json.take();
}

std::string_view first_step(std::string_view stream) { return stream.substr(0, stream.find('/')); }

}  // namespace

Result<RawRecord> EditedRecord::read(std::string_view json, const Row& original, Shapes& shapes) {
  stream_ = original.shape->stream();
  time_ = original.time;
  const Result<Row> parsed = parse(json, stream_);
  if (!parsed) return std::unexpected(parsed.error());
  for (std::size_t i = 0; i < parsed->shape->field_count(); ++i) {
    if (Status s = take(parsed->shape->fields()[i], parsed->values[i], original); !s) {
      return std::unexpected(s.error());
    }
  }
  const Shape* shape = shapes.intern(stream_, names_);
  if (shape == nullptr) return fail(Code::invalid, "there are too many sorts of records already");
  return RawRecord{Row{shape, values_.data(), time_}};
}

Result<Row> EditedRecord::parse(std::string_view json, std::string_view stream) {
  if (json.size() > limits::kRecordBytesMax) {
    return fail(Code::invalid, "the edited record is larger than 64 KiB");
  }
  std::string padded(json);
  padded.reserve(padded.size() + kParsePadding);
  JsonReader reader;
  RecordBuilder builder{TimeField()};
  builder.begin(intake_, stream);
  Built built = reader.read(padded, builder);
  if (built) built = builder.finish({});
  wipe(MutableBytes(reinterpret_cast<std::uint8_t*>(padded.data()), padded.size()));
  const bool object = json.find_first_not_of(" \t\r\n") == json.find('{');
  if (!built || !object) {
    return fail(Code::invalid,
                "the edited record is no JSON object of fields: edit what `show` prints as record");
  }
  return intake_.records.back().row;
}

Status EditedRecord::take(std::string_view name, const Value& value, const Row& original) {
  if (name.starts_with('_') && !name.starts_with("__")) return take_mark(name, value, original);
  if (name.starts_with('_')) name.remove_prefix(1);
  const int place = original.shape->find(name);
  const bool unchanged = place >= 0 && original.values[place].type() != Type::absent &&
                         json_of(original.values[place]) == json_of(value);
  names_.push_back(name);
  values_.push_back(unchanged ? original.values[place] : value);
  return {};
}

Status EditedRecord::take_mark(std::string_view name, const Value& value, const Row& original) {
  const bool text = value.type() == Type::text, whole = value.type() == Type::int64;
  if (name == "_stream" && text) {
    stream_ = value.as_text();
    if (first_step(stream_) == first_step(original.shape->stream())) return {};
    return fail(Code::invalid, "`_stream` must stay one of the same source");
  }
  if (name == "_time" && text) {
    const auto ns = parse_rfc3339(value.as_text());
    if (ns) time_ = {*ns, 0};
    return ns ? Status() : fail(Code::invalid, "`_time` is no time such as 2026-11-26T05:00:00Z");
  }
  if (name == "_since_boot_ns" && whole) {
    time_.ns = value.as_int64();
    return {};
  }
  if (name == "_boot" && (whole || value.type() == Type::uint64)) {
    time_.boot = value.as_uint64();
    return {};
  }
  for (const char* ours : {"_gateway", "_epoch", "_lane", "_seq"}) {
    if (name == ours) return {};
  }
  return fail(Code::invalid,
              "a name that begins with an underscore is not known: a field's own gets another one");
}

}  // namespace pinaflux
