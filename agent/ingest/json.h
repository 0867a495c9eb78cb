// JsonReader: one JSON document becomes the fields of one record (simdjson underneath).
//
// Promise    Reads every byte of the document: what is not RFC 8259 to its last byte is refused,
// invalid
//            UTF-8 included. Numbers keep their type: integers int64, then uint64, then float64.
// Fields     An object's members; nested ones with dots ("a.b"), an empty object brings none. An
// array
//            becomes its JSON text. A bare value becomes the field "value".
// Limits     kNestingMax levels; a number beyond a double's range is malformed. Memory: about six
// times
//            the longest document seen, kept for the next one.
// Ownership  Text is copied into the builder's arena.
// Threads    Loop.
// Tests      tests/agent/ingest/json_test.cc, tests/fuzz/json_fuzz.cc
#pragma once

#include <memory>
#include <string_view>

#include "agent/ingest/record_builder.h"

namespace pinaflux {

// So many bytes behind every text that is parsed must be readable; what they hold does not matter.
inline constexpr std::size_t kParsePadding = 64;

class JsonReader {
 public:
  JsonReader();
  ~JsonReader();
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  // Adds the document's fields to the record that the builder has begun.
  Built read(std::string_view document, RecordBuilder& builder);
  // The same without the short way for plain objects (plain_json.h), for tests that compare both.
  Built read_any(std::string_view document, RecordBuilder& builder);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The next element of a top-level array, found by its brackets and quotes alone, so that a bad
// element does not cost its neighbours and nothing larger than a record is ever parsed at once.
class JsonElements {
 public:
  // `array` begins with '['.
  explicit JsonElements(std::string_view array) : text_(array), at_(1) {}

  enum class Next { element, end, broken };
  Next next(std::string_view& element);
  // Where the last element began; where it broke.
  std::size_t position() const { return begin_; }

 private:
  std::string_view text_;
  std::size_t at_;
  std::size_t begin_ = 0;
  bool first_ = true;
  bool after_comma_ = false;
};

// The value at the front of `text` ends within it, by its brackets and quotes alone.
bool json_balanced(std::string_view text);

}  // namespace pinaflux
