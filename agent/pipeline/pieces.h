// Pieces: a text that is cut at separators, with values in quotes where they hold one ("" is a quote in quotes, as RFC 4180 has it).
//
// Ownership  Views the text; a value with doubled quotes is copied into the arena.
// Threads    One owner.
// Tests      tests/agent/pipeline/parse_test.cc
#pragma once

#include <string_view>

#include "agent/data/value.h"
#include "platform/base/arena.h"

namespace pinaflux {

class Pieces {
 public:
  Pieces(std::string_view text, char separator, Arena& texts, bool all_text)
      : text_(text), separator_(separator), texts_(texts), all_text_(all_text) {}

  bool at_end() const { return at_ == text_.size(); }
  // Blanks count for nothing, but where they separate.
  void skip_blanks();
  bool take_separator();
  // The name before `equals`, which is taken; false: there is none up to the separator.
  bool name(char equals, std::string_view& name);
  // Up to the separator: a number where it is written as one, absent where nothing stands, a text in quotes. Why not; null: it was read.
  const char* value(Value& value);
  // That is why it was not.
  bool no_room() const { return no_room_; }

 private:
  // With blanks between values, a tab too.
  bool separates(char c) const { return c == separator_ || (separator_ == ' ' && c == '\t'); }
  const char* quoted(Value& value);
  bool undouble(std::string_view& text);

  std::string_view text_;
  const char separator_;
  Arena& texts_;
  const bool all_text_;
  std::size_t at_ = 0;
  bool no_room_ = false;
};

// A number that a text is, from its first byte to its last: an integer of 64 bits where it is one, else a double; the text if it is none.
// "007" is a code.
Value number_or_text(std::string_view text);

}  // namespace pinaflux
