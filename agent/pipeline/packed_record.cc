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
  Reader from(bytes);
  Parts parts;
  const std::uint64_t source = from.varint();
  parts.source = static_cast<SourceIndex>(source);
  parts.time.ns = static_cast<std::int64_t>(from.u64());
  parts.time.boot = from.u64();
  const std::string_view stream = from.text();
  const std::uint64_t count = from.varint();
  if (from.failed() || source > UINT16_MAX || count > from.left()) return {};
  std::vector<std::string_view> names;
  for (std::uint64_t i = 0; i < count; ++i) {
    names.push_back(from.text());
    parts.values.push_back(packed_value(from));
  }
  if (from.failed() || from.left() != 0) return {};
  parts.shape = shapes.intern(stream, names);
  if (parts.shape == nullptr) return {};
  return parts;
}

}  // namespace

void pack_record(const Record& record, SourceIndex source, Buffer& to) {
  Writer writer(to);
  writer.varint(source);
  writer.u64(static_cast<std::uint64_t>(record.time().ns));
  writer.u64(record.time().boot);
  writer.text(record.shape().stream());
  writer.varint(record.cells().size());
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
