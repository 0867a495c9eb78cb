#include "agent/pipeline/exact_value.h"

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::array kFieldTypes = {"unknown", "bool", "int",
                                    "float",   "text", "bytes"};  // By FieldType.
constexpr std::int64_t kWholeMax = std::int64_t{1} << 53;

bool is_decimal(char c) { return c >= '0' && c <= '9'; }

// Of the mantissa, zeros in front not counted.
std::size_t digit_count(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text.substr(0, text.find_first_of("eE"))) {
    if (is_decimal(c) && (c != '0' || count > 0)) ++count;
  }
  return count;
}

// JSON has none of ".5" and "5.".
bool has_bare_point(std::string_view text) {
  const std::size_t at = text.find('.');
  if (at == std::string_view::npos) return false;
  return at == 0 || at + 1 == text.size() || !is_decimal(text[at - 1]) || !is_decimal(text[at + 1]);
}

// A double gives any 15 digits back; of more, or near 0, those that are its own.
std::optional<double> parse_exactly(std::string_view text) {
  if (has_leading_zero(text) || has_bare_point(text)) return {};
  const auto number = parse_double(text);
  if (!number) return {};
  const std::size_t digits = digit_count(text);
  const bool any = *number == 0.0 ? digits == 0 : digits <= 15 && std::fabs(*number) >= DBL_MIN;
  if (!any && format_double(*number) != text) return {};
  return number;
}

std::optional<Value> whole(double number) {
  if (std::fabs(number) > static_cast<double>(kWholeMax) || number != std::trunc(number)) return {};
  if (number == 0.0 && std::signbit(number)) return {};
  return Value::int64(static_cast<std::int64_t>(number));
}

std::optional<Value> integer_of(const Value& value) {
  if (value.type() == Type::boolean) return Value::int64(value.as_boolean() ? 1 : 0);
  if (value.type() == Type::float64) return whole(value.as_float64());
  if (value.type() != Type::text || has_leading_zero(value.as_text())) return {};
  if (value.as_text() == "-0") return {};
  if (const auto number = parse_integer<std::int64_t>(value.as_text())) {
    return Value::int64(*number);
  }
  if (const auto number = parse_integer<std::uint64_t>(value.as_text())) {
    return Value::uint64(*number);
  }
  const auto number = parse_exactly(value.as_text());
  return number ? whole(*number) : std::nullopt;
}

std::optional<Value> real_of(const Value& value) {
  if (value.type() == Type::boolean) return Value::float64(value.as_boolean() ? 1.0 : 0.0);
  if (value.type() == Type::int64) {
    const std::int64_t number = value.as_int64();
    if (number < -kWholeMax || number > kWholeMax) return {};
    return Value::float64(static_cast<double>(number));
  }
  if (value.type() != Type::text) return {};
  const auto number = parse_exactly(value.as_text());
  return number ? std::optional(Value::float64(*number)) : std::nullopt;
}

std::optional<Value> boolean_of(const Value& value) {
  if (value.type() == Type::text) {
    if (value.as_text() == "true") return Value::boolean(true);
    if (value.as_text() == "false") return Value::boolean(false);
    return {};
  }
  if (!value.is_number() || (value.type() == Type::float64 && std::signbit(value.as_float64()))) {
    return {};
  }
  if (value.to_double() == 0.0) return Value::boolean(false);
  if (value.to_double() == 1.0) return Value::boolean(true);
  return {};
}

std::optional<Value> text_of(const Value& value, std::string& scratch) {
  scratch.clear();
  switch (value.type()) {
    case Type::boolean: scratch = value.as_boolean() ? "true" : "false"; break;
    case Type::int64: append_integer(scratch, value.as_int64()); break;
    case Type::uint64: append_unsigned(scratch, value.as_uint64()); break;
    case Type::float64:
      if (!std::isfinite(value.as_float64())) return {};
      append_double(scratch, value.as_float64());
      break;
    case Type::bytes:
      if (!utf8_valid(value.as_text())) return {};
      return Value::text(value.as_text());
    default: return {};
  }
  return Value::text(scratch);
}

}  // namespace

FieldType field_type(Type type) {
  switch (type) {
    case Type::boolean: return FieldType::boolean;
    case Type::int64:
    case Type::uint64: return FieldType::integer;
    case Type::float64: return FieldType::real;
    case Type::text: return FieldType::text;
    case Type::bytes: return FieldType::bytes;
    default: return FieldType::unknown;
  }
}

const char* field_type_name(FieldType type) { return kFieldTypes[static_cast<std::size_t>(type)]; }

std::optional<FieldType> field_type_named(std::string_view name) {
  for (std::size_t i = 1; i < kFieldTypes.size(); ++i) {
    if (name == kFieldTypes[i]) return static_cast<FieldType>(i);
  }
  return {};
}

bool has_leading_zero(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return text.size() > 1 && text[0] == '0' && is_decimal(text[1]);
}

std::optional<Value> exactly(const Value& value, FieldType as, std::string& scratch) {
  if (field_type(value.type()) == as) return value;
  switch (as) {
    case FieldType::boolean: return boolean_of(value);
    case FieldType::integer: return integer_of(value);
    case FieldType::real: return real_of(value);
    case FieldType::text: return text_of(value, scratch);
    case FieldType::bytes:
      if (value.type() != Type::text) return {};
      return Value::bytes(value.as_bytes());
    case FieldType::unknown: break;
  }
  return {};
}

}  // namespace pinaflux
