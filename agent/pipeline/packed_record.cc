// Little-endian:
//
//   varint source | u64 time.ns | u64 time.boot | stream | varint number of fields | for each: name | u8 type | value
//
// with texts as a varint length and bytes; values: nothing for absent and null, u8 for booleans, zigzag for int64,
// varint for uint64, u64 for doubles.

#include "agent/pipeline/packed_record.h"

#include <bit>
#include <vector>

#include "agent/pipeline/kept_value.h"

namespace pinaflux {

namespace {

// A view of the bytes where it is one.
Value packed_value(Reader& from) {
  switch (static_cast<Type>(from.u8())) {
    case Type::absent: return Value();
    case Type::null: return Value::null();
    case Type::boolean: return Value::boolean(from.u8() != 0);
    case Type::int64: return Value::int64(from.signed_varint());
    case Type::uint64: return Value::uint64(from.varint());
    case Type::float64: return Value::float64(std::bit_cast<double>(from.u64()));
    case Type::text: return Value::text(from.text());
    case Type::bytes: return Value::bytes(as_bytes(from.text()));
  }
  from.fail();
  return Value();
}

struct Parts {
  SourceIndex source = 0;
  Stamp time;
  const Shape* shape = nullptr;
  std::vector<Value> values;
};

std::optional<Parts> parts_of(Bytes bytes, Shapes& shapes) {
  PackedRecord record(bytes);
  Parts parts;
  parts.source = record.source();
  parts.time = record.time();
  std::vector<std::string_view> names;
  while (record.next()) {
    names.push_back(record.name());
    Reader value(record.value());
    parts.values.push_back(packed_value(value));
  }
  if (record.failed() || !record.at_end()) return {};
  parts.shape = shapes.intern(record.stream(), names);
  if (parts.shape == nullptr) return {};
  return parts;
}

}  // namespace

PackedRecord::PackedRecord(Bytes packed) : packed_(packed), from_(packed) {
  const std::uint64_t source = from_.varint();
  source_ = static_cast<SourceIndex>(source);
  time_.ns = static_cast<std::int64_t>(from_.u64());
  time_.boot = from_.u64();
  stream_ = from_.text();
  count_ = from_.varint();
  if (source > UINT16_MAX || count_ > from_.left()) from_.fail();
}

bool PackedRecord::next() {
  if (from_.failed() || at_ == count_) return false;
  ++at_;
  name_ = from_.text();
  const std::size_t begin = from_.position();
  (void)packed_value(from_);
  if (from_.failed()) return false;
  value_ = packed_.subspan(begin, from_.position() - begin);
  return true;
}

Value unpack_value(Bytes packed) {
  Reader from(packed);
  return packed_value(from);
}

void pack_value(const Value& value, Writer& to) {
  to.u8(static_cast<std::uint8_t>(value.type()));
  switch (value.type()) {
    case Type::absent:
    case Type::null: break;
    case Type::boolean: to.u8(value.as_boolean() ? 1 : 0); break;
    case Type::int64: to.signed_varint(value.as_int64()); break;
    case Type::uint64: to.varint(value.as_uint64()); break;
    case Type::float64: to.u64(value.as_uint64()); break;
    case Type::text:
    case Type::bytes: to.text(value.as_text()); break;
  }
}

void begin_packed(SourceIndex source, Stamp time, std::string_view stream, std::size_t fields,
                  Buffer& to) {
  Writer writer(to);
  writer.varint(source);
  writer.u64(static_cast<std::uint64_t>(time.ns));
  writer.u64(time.boot);
  writer.text(stream);
  writer.varint(fields);
}

void pack_record(const Record& record, SourceIndex source, Buffer& to) {
  begin_packed(source, record.time(), record.shape().stream(), record.cells().size(), to);
  Writer writer(to);
  for (std::size_t i = 0; i < record.cells().size(); ++i) {
    writer.text(record.shape().fields()[i]);
    pack_value(record.cells()[i], writer);
  }
}

std::optional<Step::Given> unpack_record(Bytes from, Shapes& shapes, Arena& arena) {
  const auto parts = parts_of(from, shapes);
  if (!parts) return {};
  const auto cells = arena.array<Value>(parts->values.size());
  if (cells.data() == nullptr) return {};
  for (std::size_t i = 0; i < cells.size(); ++i) {
    Value value = parts->values[i];
    if (!keep_value(value, arena)) return {};
    cells[i] = value;
  }
  return Step::Given{Record::remembered({parts->shape, cells.data(), parts->time}), parts->source};
}

bool is_packed_record(Bytes from, Shapes& shapes) { return parts_of(from, shapes).has_value(); }

}  // namespace pinaflux
