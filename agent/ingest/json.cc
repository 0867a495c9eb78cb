#include "agent/ingest/json.h"

// simdjson's ondemand walk: one pass finds the structure (and checks UTF-8), a second goes from
// token to token and hands every member straight to the builder; no tree is made. Ondemand checks
// only what is looked at, so everything is looked at, arrays that are kept as text included.
//
// Keys come as the raw bytes between their quotes; only those with a backslash are unescaped.

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include <simdjson.h>

#include "agent/ingest/plain_json.h"
#include "platform/base/text.h"

namespace pinaflux {

static_assert(kParsePadding >= simdjson::SIMDJSON_PADDING);

namespace {
namespace od = simdjson::ondemand;
using simdjson::error_code;

constexpr std::size_t kCapacityMin = 2048;

bool has_backslash(std::string_view text) {
  return std::memchr(text.data(), '\\', text.size()) != nullptr;
}

Built malformed() { return refuse(Reason::malformed); }

// A number that is none of int64, uint64 and float64 as written is an integer of many digits.
template <class V>
bool number_of(V& json, Value& value) {
  od::number number;
  if (json.get_number().get(number) != simdjson::SUCCESS) {
    double rounded = 0.0;
    if (json.get_double().get(rounded) != simdjson::SUCCESS) return false;
    value = Value::float64(rounded);
    return true;
  }
  switch (number.get_number_type()) {
    case od::number_type::signed_integer: value = Value::int64(number.get_int64()); return true;
    case od::number_type::unsigned_integer: value = Value::uint64(number.get_uint64()); return true;
    case od::number_type::floating_point_number:
      value = Value::float64(number.get_double());
      return true;
    case od::number_type::big_integer: break;
  }
  return false;
}

// Everything but objects and arrays; text still lies in the parser's buffer.
template <class V>
bool scalar_of(V& json, od::json_type type, Value& value) {
  switch (type) {
    case od::json_type::number: return number_of(json, value);
    case od::json_type::string: {
      std::string_view text;
      if (json.get_string().get(text) != simdjson::SUCCESS) return false;
      value = Value::text(text);
      return true;
    }
    case od::json_type::boolean: {
      bool b = false;
      if (json.get_bool().get(b) != simdjson::SUCCESS) return false;
      value = Value::boolean(b);
      return true;
    }
    case od::json_type::null: {
      bool is_null = false;
      value = Value::null();
      return json.is_null().get(is_null) == simdjson::SUCCESS && is_null;
    }
    default: return false;
  }
}

Built check(od::value json, std::size_t depth);

Built check_array(od::array array, std::size_t depth) {
  if (depth > limits::kNestingMax) return refuse(Reason::too_deep);
  for (auto element : array) {
    od::value json;
    if (element.get(json) != simdjson::SUCCESS) return malformed();
    if (auto built = check(json, depth); !built) return built;
  }
  return {};
}

Built check_object(od::object object, std::size_t depth) {
  if (depth > limits::kNestingMax) return refuse(Reason::too_deep);
  for (auto member : object) {
    od::field field;
    std::string_view key;
    if (std::move(member).get(field) != simdjson::SUCCESS) return malformed();
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return malformed();
    if (auto built = check(field.value(), depth); !built) return built;
  }
  return {};
}

// Valid, and not too deep; the value itself is not wanted.
Built check(od::value json, std::size_t depth) {
  od::json_type type{};
  if (json.type().get(type) != simdjson::SUCCESS) return malformed();
  if (type == od::json_type::array) {
    od::array array;
    return json.get_array().get(array) == simdjson::SUCCESS ? check_array(array, depth + 1)
                                                            : malformed();
  }
  if (type == od::json_type::object) {
    od::object object;
    return json.get_object().get(object) == simdjson::SUCCESS ? check_object(object, depth + 1)
                                                              : malformed();
  }
  Value ignored;
  return scalar_of(json, type, ignored) ? Built{} : malformed();
}

// The text of an array that was checked, without what follows it.
Built text_of(od::array& array, std::string_view& text) {
  if (array.reset().error() != simdjson::SUCCESS) return malformed();
  if (array.raw_json().get(text) != simdjson::SUCCESS) return malformed();
  text = text.substr(0, text.rfind(']') + 1);
  return {};
}

}  // namespace

struct JsonReader::State {
  od::parser parser;
  std::string prefix;  // Of the object that is walked: "a.b."
  RecordBuilder* builder = nullptr;
  std::vector<PlainMember> members;

  Built plain();
  Built document(od::document& doc);
  Built object(od::object object, std::size_t depth);
  Built member(od::field& field, std::size_t depth);
  Built nested(std::string_view key, od::value json, std::size_t depth);
  Built array(std::string_view key, od::array array, std::size_t depth);
  Built add(std::string_view key, Value value);
  bool reserve(std::size_t bytes);
};

// In steps of two, so that growing documents do not take new memory one by one.
bool JsonReader::State::reserve(std::size_t bytes) {
  if (parser.capacity() >= bytes) return true;
  return parser.allocate(std::max(kCapacityMin, std::bit_ceil(bytes))) == simdjson::SUCCESS;
}

Built JsonReader::State::add(std::string_view key, Value value) {
  if (value.is_view()) {
    const std::string_view kept = builder->keep(value.as_text());
    if (kept.data() == nullptr) return no_room();
    value = Value::text(kept);
  }
  return builder->add(prefix, key, value);
}

Built JsonReader::State::nested(std::string_view key, od::value json, std::size_t depth) {
  od::object inner;
  if (json.get_object().get(inner) != simdjson::SUCCESS) return malformed();
  const std::size_t outer = prefix.size();
  if (outer + key.size() >= limits::kNameBytesMax) return refuse(Reason::too_large);
  prefix.append(key).push_back('.');
  Built built = object(inner, depth + 1);
  prefix.resize(outer);
  return built;
}

Built JsonReader::State::array(std::string_view key, od::array array, std::size_t depth) {
  std::string_view text;
  if (auto built = check_array(array, depth + 1); !built) return built;
  if (auto built = text_of(array, text); !built) return built;
  return add(key, Value::text(text));
}

Built JsonReader::State::member(od::field& field, std::size_t depth) {
  std::string_view key = field.escaped_key();
  if (has_backslash(key) && field.unescaped_key().get(key) != simdjson::SUCCESS) return malformed();
  od::value json = field.value();
  od::json_type type{};
  if (json.type().get(type) != simdjson::SUCCESS) return malformed();
  if (type == od::json_type::object) return nested(key, json, depth);
  if (type == od::json_type::array) {
    od::array inner;
    if (json.get_array().get(inner) != simdjson::SUCCESS) return malformed();
    return array(key, inner, depth);
  }
  Value value;
  return scalar_of(json, type, value) ? add(key, value) : malformed();
}

Built JsonReader::State::object(od::object object, std::size_t depth) {
  if (depth > limits::kNestingMax) return refuse(Reason::too_deep);
  for (auto result : object) {
    od::field field;
    if (std::move(result).get(field) != simdjson::SUCCESS) return malformed();
    if (auto built = member(field, depth); !built) return built;
  }
  return {};
}

Built JsonReader::State::document(od::document& doc) {
  od::json_type type{};
  if (doc.type().get(type) != simdjson::SUCCESS) return malformed();
  if (type == od::json_type::object) {
    od::object root;
    if (doc.get_object().get(root) != simdjson::SUCCESS) return malformed();
    return object(root, 1);
  }
  if (type == od::json_type::array) {
    od::array root;
    if (doc.get_array().get(root) != simdjson::SUCCESS) return malformed();
    return array("value", root, 0);
  }
  Value value;
  return scalar_of(doc, type, value) ? add("value", value) : malformed();
}

JsonReader::JsonReader() : state_(std::make_unique<State>()) {}
JsonReader::~JsonReader() = default;

Built JsonReader::State::plain() {
  for (const PlainMember& member : members) {
    if (!member.value.is_view() && builder->add_predicted(member.name, member.value)) continue;
    Built built = add(member.name, member.value);
    if (built) continue;
    built.error().position = member.at;
    return built;
  }
  return {};
}

Built JsonReader::read(std::string_view text, RecordBuilder& builder) {
  State& s = *state_;
  if (text.size() > limits::kRecordBytesMax || !read_plain_json(text, s.members))
    return read_any(text, builder);
  s.builder = &builder;
  s.prefix.clear();
  return s.plain();
}

Built JsonReader::read_any(std::string_view text, RecordBuilder& builder) {
  State& s = *state_;
  s.builder = &builder;
  s.prefix.clear();
  if (text.size() > UINT32_MAX / 8 || !s.reserve(text.size())) return refuse(Reason::too_large);
  od::document doc;
  if (s.parser.iterate(text.data(), text.size(), text.size() + kParsePadding).get(doc) !=
      simdjson::SUCCESS) {
    return malformed();
  }
  Built built = s.document(doc);
  if (built && !doc.at_end()) built = malformed();
  if (!built && !built.error().no_room) {
    const char* at = nullptr;
    if (doc.current_location().get(at) == simdjson::SUCCESS && at >= text.data() &&
        at <= text.data() + text.size()) {
      built.error().position = static_cast<std::uint32_t>(at - text.data());
    }
  }
  return built;
}

// ---- structure without meaning

namespace {

// One past the closing quote of the string that begins at `at`; npos if it does not end.
std::size_t string_end(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

// One past the value that begins at `at`: for a bare value up to a comma, bracket or end.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = string_end(text, at);
      if (at == std::string_view::npos) return at;
      if (depth == 0) return at;
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (depth == 0 && (c == ',' || c == ']' || c == '}')) return at;
    ++at;
    if ((c == '}' || c == ']') && --depth == 0) return at;
  }
  return depth == 0 ? at : std::string_view::npos;
}

}  // namespace

JsonElements::Next JsonElements::next(std::string_view& element) {
  auto skip = [this] {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    begin_ = at_;
  };
  skip();
  if (at_ < text_.size() && text_[at_] == ']' && (first_ || !after_comma_)) {
    ++at_;
    skip();
    return at_ == text_.size() ? Next::end : Next::broken;
  }
  if (!first_ && !after_comma_) return Next::broken;
  first_ = false;
  const std::size_t end = end_of_value(text_, at_);
  if (end == std::string_view::npos || end == at_) return Next::broken;
  element = text_.substr(at_, end - at_);
  at_ = end;
  const std::size_t begin = begin_;
  skip();
  after_comma_ = at_ < text_.size() && text_[at_] == ',';
  if (after_comma_) ++at_;
  begin_ = begin;
  return Next::element;
}

bool json_balanced(std::string_view text) {
  return end_of_value(text, 0) != std::string_view::npos;
}

}  // namespace pinaflux
