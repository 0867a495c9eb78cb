// Value: one cell of a record: a type and 16 bytes; text lives in somebody's arena.
//
// Limits     Text and bytes up to 4 GiB here; limits.h bounds the record.
// Ownership  Views only: the arena that holds the text outlives the Value.
// Threads    Values; any.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "platform/base/assert.h"
#include "platform/base/bytes.h"

namespace pinaflux {

enum class Type : std::uint8_t {
  absent = 0,  // The record has no such field. Lands as nothing.
  null = 1,    // The field is there and holds null.
  boolean = 2,
  int64 = 3,
  uint64 = 4,  // Only for integers beyond int64's range.
  float64 = 5,
  text = 6,  // Meant as UTF-8; whatever bytes came are kept.
  bytes = 7,
};

class Value {
 public:
  constexpr Value() = default;
  static constexpr Value null() { return Value(Type::null, 0, 0); }
  static constexpr Value boolean(bool b) { return Value(Type::boolean, b ? 1 : 0, 0); }
  static constexpr Value int64(std::int64_t i) {
    return Value(Type::int64, static_cast<std::uint64_t>(i), 0);
  }
  static constexpr Value uint64(std::uint64_t u) { return Value(Type::uint64, u, 0); }
  static constexpr Value float64(double d) {
    return Value(Type::float64, std::bit_cast<std::uint64_t>(d), 0);
  }
  static Value text(std::string_view t) { return view(Type::text, t.data(), t.size()); }
  static Value bytes(Bytes b) {
    return view(Type::bytes, reinterpret_cast<const char*>(b.data()), b.size());
  }

  // Of a type, with its value to come (a decoder that knows types before values).
  static constexpr Value placeholder(Type type) { return Value(type, 0, 0); }

  constexpr Type type() const { return type_; }
  constexpr bool is_number() const {
    return type_ == Type::int64 || type_ == Type::uint64 || type_ == Type::float64;
  }
  constexpr bool is_view() const { return type_ == Type::text || type_ == Type::bytes; }

  // Each asserts nothing: the caller has looked at type().
  constexpr bool as_boolean() const { return raw_ != 0; }
  constexpr std::int64_t as_int64() const { return static_cast<std::int64_t>(raw_); }
  constexpr std::uint64_t as_uint64() const { return raw_; }
  constexpr double as_float64() const { return std::bit_cast<double>(raw_); }
  std::string_view as_text() const {
    return {reinterpret_cast<const char*>(static_cast<std::uintptr_t>(raw_)), size_};
  }
  Bytes as_bytes() const { return pinaflux::as_bytes(as_text()); }

  // Any number as a double (large integers are rounded); 0 otherwise.
  double to_double() const {
    if (type_ == Type::float64) return as_float64();
    if (type_ == Type::int64) return static_cast<double>(as_int64());
    if (type_ == Type::uint64) return static_cast<double>(raw_);
    return 0.0;
  }

  // Same type and same bits (NaN equals the same NaN, 0.0 is not -0.0); text by content.
  friend bool identical(const Value& a, const Value& b) {
    if (a.type_ != b.type_) return false;
    return a.is_view() ? a.as_text() == b.as_text() : a.raw_ == b.raw_;
  }

 private:
  constexpr Value(Type type, std::uint64_t raw, std::uint32_t size)
      : raw_(raw), size_(size), type_(type) {}
  static Value view(Type type, const char* data, std::size_t size) {
    ASSERT(size <= 0xffffffffu);
    return Value(type, reinterpret_cast<std::uintptr_t>(data), static_cast<std::uint32_t>(size));
  }

  std::uint64_t raw_ = 0;
  std::uint32_t size_ = 0;
  Type type_ = Type::absent;
};

static_assert(sizeof(Value) == 16);

const char* type_name(Type type);  // "float64"

}  // namespace pinaflux
