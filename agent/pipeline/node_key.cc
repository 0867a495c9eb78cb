// Each value is a byte of its type and eight bytes, little-endian: its bits, or the length of the text that follows.

#include "agent/pipeline/node_key.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "platform/base/bytes.h"

namespace pinaflux {

void KeyWriter::value(const Value& value) {
  constexpr double kExactMax = 0x1p53;
  if (value.is_view()) {
    text(value.type(), value.as_text());
  } else if (value.type() == Type::float64 && std::abs(value.as_float64()) < kExactMax &&
             value.as_float64() == std::trunc(value.as_float64())) {
    number(Type::int64, static_cast<std::uint64_t>(static_cast<std::int64_t>(value.as_float64())));
  } else {
    number(value.type(), value.as_uint64());
  }
}

void KeyWriter::number(Type type, std::uint64_t bits) {
  char raw[9] = {static_cast<char>(type)};
  for (int i = 0; i < 8; ++i) raw[i + 1] = static_cast<char>(bits >> (8 * i));
  raw_bytes({raw, sizeof raw});
}

void KeyWriter::text(Type type, std::string_view text) {
  number(type, text.size());
  raw_bytes(text);
}

void KeyWriter::raw_bytes(std::string_view bytes) {
  full_ = full_ || bytes.size() > to_.size() - size_;
  if (full_ || bytes.empty()) return;
  std::memcpy(to_.data() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
}

Value remembered_value(Type type, std::uint64_t bits, std::string_view text) {
  switch (type) {
    case Type::absent: return Value();
    case Type::null: return Value::null();
    case Type::boolean: return Value::boolean(bits != 0);
    case Type::int64: return Value::int64(static_cast<std::int64_t>(bits));
    case Type::uint64: return Value::uint64(bits);
    case Type::float64: return Value::float64(std::bit_cast<double>(bits));
    case Type::text: return Value::text(text);
    case Type::bytes: break;
  }
  return Value::bytes(as_bytes(text));
}

std::optional<Value> KeyReader::value() {
  Reader reader(as_bytes(from_));
  const auto type = static_cast<Type>(reader.u8());
  const std::uint64_t bits = reader.u64();
  const bool view = type == Type::text || type == Type::bytes;
  if (reader.failed() || type > Type::bytes || (view && bits > reader.left())) return {};
  const Bytes text = reader.raw(view ? static_cast<std::size_t>(bits) : 0);
  from_.remove_prefix(reader.position());
  return remembered_value(type, bits, as_text(text));
}

}  // namespace pinaflux
