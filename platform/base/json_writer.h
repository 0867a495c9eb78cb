// JsonWriter: JSON text (RFC 8259), compact, for everything that a machine reads from us.
//
// Promise    What it writes is valid: text that is not UTF-8 has its bad bytes replaced by U+FFFD,
//            numbers that JSON cannot say (NaN, infinities) become null, doubles are shortest exact.
// Use        JsonWriter j; j.begin_object(); j.key("a").number(1); j.end_object(); j.text()
// Threads    One owner.
// Tests      tests/platform/base/json_writer_test.cc
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pinaflux {

void append_json_string(std::string& to, std::string_view text);  // With the quotes.
void append_json_double(std::string& to, double value);

class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);
  JsonWriter& string(std::string_view value);
  JsonWriter& number(std::uint64_t value);
  JsonWriter& number(std::int64_t value);
  JsonWriter& number(int value) { return number(static_cast<std::int64_t>(value)); }
  JsonWriter& number(double value);
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  // Text that is JSON already.
  JsonWriter& raw(std::string_view json);

  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }

 private:
  JsonWriter& open(char c);
  JsonWriter& close(char c);
  void comma();

  std::string text_;
  bool comma_due_ = false;
};

}  // namespace pinaflux
