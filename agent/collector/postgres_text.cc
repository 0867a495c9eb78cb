#include "agent/collector/postgres_text.h"

#include <cmath>

#include "platform/base/double_text.h"
#include "platform/base/text.h"

namespace pinaflux::postgres {

namespace {

constexpr double kExactMax = 9007199254740992.0;  // 2^53: whole numbers up to here are doubles.
constexpr std::int64_t kExactIntegerMax = 9007199254740992;

void append_real(std::string& to, double value) {
  if (std::isnan(value)) {
    to += "NaN";
  } else if (std::isinf(value)) {
    to += value < 0 ? "-Infinity" : "Infinity";
  } else {
    to += std::string_view(double_text(value));
  }
}

bool append_bigint(std::string& to, const Value& value) {
  switch (value.type()) {
    case Type::boolean: to += value.as_boolean() ? '1' : '0'; return true;
    case Type::int64: append_integer(to, value.as_int64()); return true;
    case Type::float64: {
      const double real = value.as_float64();
      if (!(std::fabs(real) <= kExactMax) || real != std::trunc(real)) return false;
      append_integer(to, static_cast<std::int64_t>(real));
      return true;
    }
    default: return false;
  }
}

bool append_double(std::string& to, const Value& value) {
  switch (value.type()) {
    case Type::boolean: to += value.as_boolean() ? '1' : '0'; return true;
    case Type::float64: append_real(to, value.as_float64()); return true;
    case Type::int64:
      if (value.as_int64() < -kExactIntegerMax || value.as_int64() > kExactIntegerMax) return false;
      append_integer(to, value.as_int64());
      return true;
    default: return false;
  }
}

bool append_numeric(std::string& to, const Value& value) {
  switch (value.type()) {
    case Type::uint64: append_unsigned(to, value.as_uint64()); return true;
    case Type::float64:
      if (!std::isfinite(value.as_float64())) return false;
      append_real(to, value.as_float64());
      return true;
    default: return append_bigint(to, value);
  }
}

bool append_bytea(std::string& to, const Value& value) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  if (value.type() != Type::bytes) return false;
  to += "\\x";
  for (const std::uint8_t byte : value.as_bytes()) {
    to += kDigits[byte >> 4];
    to += kDigits[byte & 15];
  }
  return true;
}

bool append_text(std::string& to, const Value& value) {
  if (value.type() != Type::text) return false;
  const std::string_view text = value.as_text();
  if (text.find('\0') != std::string_view::npos || !utf8_valid(text)) return false;
  to += text;
  return true;
}

// Of a type that somebody chose: PostgreSQL says whether it reads.
bool append_any(std::string& to, const Value& value) {
  switch (value.type()) {
    case Type::boolean: to += value.as_boolean() ? 't' : 'f'; return true;
    case Type::int64: append_integer(to, value.as_int64()); return true;
    case Type::uint64: append_unsigned(to, value.as_uint64()); return true;
    case Type::float64: append_real(to, value.as_float64()); return true;
    case Type::text: return append_text(to, value);
    case Type::bytes: return append_bytea(to, value);
    case Type::absent:
    case Type::null: break;
  }
  return false;
}

}  // namespace

void append_escaped(std::string& to, std::string_view text) {
  static constexpr std::string_view kSpecial = "\b\f\n\r\t\v\\";
  static constexpr std::string_view kLetters = "bfnrtv\\";
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find_first_of(kSpecial), text.size());
    to += text.substr(0, plain);
    if (plain == text.size()) return;
    to += '\\';
    to += kLetters[kSpecial.find(text[plain])];
    text.remove_prefix(plain + 1);
  }
}

bool append_value(std::string& to, ColumnType type, const Value& value) {
  switch (type) {
    case ColumnType::boolean:
      if (value.type() != Type::boolean) return false;
      to += value.as_boolean() ? 't' : 'f';
      return true;
    case ColumnType::bigint: return append_bigint(to, value);
    case ColumnType::real: return append_double(to, value);
    case ColumnType::numeric: return append_numeric(to, value);
    case ColumnType::text: return append_text(to, value);
    case ColumnType::bytea: return append_bytea(to, value);
    case ColumnType::other: return append_any(to, value);
  }
  return false;
}

bool append_cell(std::string& to, ColumnType type, const Value& value) {
  if (!value.is_view()) return append_value(to, type, value);
  std::string text;
  if (!append_value(text, type, value)) return false;
  append_escaped(to, text);
  return true;
}

}  // namespace pinaflux::postgres
