// RegexCaptures: what the named groups of a regular expression hold where it matches, in time linear in the text, whatever both are.
//
// Syntax     That of regex_program.h, with captures.
// Match      The leftmost; of those the one that comes first by preference, as in RE2 and Perl: the left way of a choice, one more round of
//            a repetition (of a lazy one, none). Of a group in a repetition the last round counts. A match may be empty.
// Limits     Those of regex_program.h; 8 bytes x groups x states x 2 of memory, 512 KiB at most. Nothing from the heap after it is made.
// Threads    One owner at a time: a search writes down its states in the object.
// Source     Pike, "The text editor sam", Software: Practice and Experience 17(11), 1987; Cox, "Regular Expression Matching: the
//            Virtual Machine Approach", 2009.
// Tests      tests/platform/base/regex_captures_test.cc, tests/fuzz/regex_fuzz.cc
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/regex_program.h"

namespace pinaflux {

class RegexCaptures {
 public:
  enum class Found : std::uint8_t { yes, no, too_many_steps };

  // On a fault it matches nothing. An expression without a named group is one.
  explicit RegexCaptures(std::string_view pattern);
  const RegexProgram::Fault& fault() const { return program_.fault; }
  const std::vector<std::string>& names() const { return program_.names; }

  Found find(std::string_view text);
  // A piece of the text that was found last; its data() is null where the group took no part.
  std::string_view group(std::size_t index) const;
  // Of the last search.
  std::size_t steps() const { return steps_; }

 private:
  using Place = std::uint32_t;
  static constexpr Place kNowhere = ~Place{0};
  static constexpr std::uint16_t kPutBack = 0xffff;

  // In the order of preference; room for one in each state.
  struct Threads {
    std::size_t count = 0;
    std::vector<std::uint16_t> states;
    std::vector<Place> places;  // Of each thread: begin and end of each group.
  };
  struct Step {
    std::uint16_t state;
    std::uint16_t index = 0;  // kPutBack: this one of here_ was `place` before.
    Place place = 0;
  };

  // No match begins behind the text's begin.
  bool anchored() const;
  bool may_begin(std::size_t at) const;
  void begin_round();
  // Adds the threads that are reached from `state` without a byte, with the places of here_.
  void follow(std::uint16_t state, std::size_t at, Threads& to);
  // One byte further; what is less preferred than a match is given up.
  void advance(std::size_t at);

  RegexProgram program_;
  std::string_view text_;
  Threads now_, next_;
  std::vector<Place> here_, found_;
  std::vector<Step> stack_;
  std::vector<std::uint32_t> seen_;  // By state: the round in which it was added last.
  std::uint32_t round_ = 0;
  std::size_t steps_ = 0;
  bool matched_ = false;
};

}  // namespace pinaflux
