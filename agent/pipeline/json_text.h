// JsonText: the JSON text of a field, read into fields (RFC 8259, to its last byte).
//
// Fields     As the ingest reads a document: an object's members, those of nested ones with dots ("a.b"); an array is its JSON text; a
//            bare value is the field "value". Integers are int64, then uint64, then double.
// Limits     limits::kNestingMax levels. A number beyond a double's range is none.
// Ownership  Views the text; what has escapes is copied into the arena.
// Threads    One owner.
// Tests      tests/agent/pipeline/parse_test.cc, tests/agent/pipeline/split_test.cc, tests/fuzz/shaping_fuzz.cc
#pragma once

#include <string>
#include <string_view>

#include "agent/pipeline/made_fields.h"
#include "platform/base/arena.h"

namespace pinaflux {

class JsonText {
 public:
  JsonText(std::string_view text, Arena& texts, bool all_text = false)
      : text_(text), texts_(texts), all_text_(all_text) {}

  // All of it. Why not; null: it went well.
  const char* document(std::string_view prefix, MadeFields& to);
  // The elements of an array, one by one: next() before each.
  const char* begin_array();
  enum class Next { element, end, broken };
  Next next();
  // A bare value and an array are the field `name`, an object's members `name`.MEMBER.
  const char* element(std::string_view name, MadeFields& to);
  // The members of an object, one by one: next_member() before each, then text() or skip().
  const char* begin_object();
  Next next_member(std::string_view& key);  // Until the next string is read.
  // The value, a string, until the next one is read. False: it is something else.
  bool text(std::string_view& to);
  // The value as it stands there. False: it is none.
  bool skip(std::string_view& raw);
  bool no_room() const { return no_room_; }
  static constexpr const char* kNoJson = "it is no JSON";

 private:
  bool fail(const char* why = kNoJson);
  void skip_space();
  bool take(char c);
  // The value at at_, as the field path_; without `to_` it is only checked.
  bool value(std::size_t depth);
  bool object(std::size_t depth);
  bool array(std::size_t depth);
  bool string(std::string_view& text, bool key);
  bool escape();
  bool hex(unsigned& code);
  bool number(Value& value);
  bool word(Value& value);
  bool put(const Value& value);

  std::string_view text_;
  Arena& texts_;
  const bool all_text_;
  MadeFields* to_ = nullptr;
  std::size_t at_ = 0;
  std::string path_;     // Of the value that is read.
  std::string decoded_;  // Of the last string with escapes.
  const char* why_ = nullptr;
  bool first_ = true;
  bool no_room_ = false;
};

}  // namespace pinaflux
