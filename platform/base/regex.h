// Regex: the operator's own forms: a regular expression that takes time linear in the text, whatever it is.
//
// Syntax     That of regex_program.h, without captures.
// Match      The leftmost, and of those the longest. A match has one byte or more.
// Limits     Those of regex_program.h. All searches of a text together take at most kStepsPerByte x its bytes + kStepsAlways steps (one is a state entered at one byte):
//            beyond, its rest counts as found. Nothing from the heap.
// Threads    One owner at a time: a search writes down its states in the object.
// Tests      tests/platform/base/regex_test.cc, tests/fuzz/regex_fuzz.cc
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "platform/base/regex_program.h"
#include "platform/base/text_span.h"

namespace pinaflux {

class Regex {
 public:
  using Fault = RegexProgram::Fault;

  // On a fault the expression matches nothing.
  explicit Regex(std::string_view pattern);
  const Fault& fault() const { return program_.fault; }
  // Every match holds this byte.
  bool needs(char byte) const;

  // The first match that begins at `from` or behind it; empty if there is none. What is before `from` counts for
  // ^ and \b. `steps` grows by those that it took; where they are too many for this text, the match goes from the
  // first place where one may have begun to the text's end.
  TextSpan find(std::string_view text, std::size_t from, std::size_t& steps) const;

 private:
  using State = RegexProgram::State;
  struct Thread {
    std::uint16_t state;
    std::size_t begin;  // Where its match began.
  };

  // Adds the threads that are reached from `state` without a byte, at this place of the text. The steps taken.
  std::size_t follow(std::uint16_t state, std::size_t begin, std::string_view text, std::size_t at,
                     std::vector<Thread>& to) const;

  RegexProgram program_;
  mutable std::vector<Thread> threads_[2];
  mutable std::vector<std::uint16_t> stack_;
  mutable std::vector<std::uint32_t> seen_;  // By state: the round in which it was added last.
  mutable std::uint32_t round_ = 0;          // A byte of a search.
};

// Walks the matches of a text from left to right, in whole characters of UTF-8.
//
// Promise    Linear in the text: where the steps of a text are used up, its rest counts as one match.
class RegexFinder {
 public:
  RegexFinder(const Regex& regex, std::string_view text) : regex_(regex), text_(text) {}
  bool next(TextSpan& span);

 private:
  const Regex& regex_;
  std::string_view text_;
  std::size_t from_ = 0;
  std::size_t steps_ = 0;
};

}  // namespace pinaflux
