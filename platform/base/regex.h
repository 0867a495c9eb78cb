// Regex: the operator's own forms: a regular expression that takes time linear in the text, whatever it is.
//
// Syntax     a . [a-z] [^...] \d \D \w \W \s \S \t \n \r \xHH \. ^ $ \b \B ( ) (?: ) | * + ? {m} {m,} {m,n}, and (?i)
//            at the beginning: ASCII letters in either case. Over bytes: a character beyond ASCII is its bytes of
//            UTF-8, so that `.` takes one byte (no line's end), and a class holds ASCII and \xHH. `^` and `$` are the text's ends.
//            No captures, no lazy repetition, no look-around, no references.
// Match      The leftmost, and of those the longest. A match has one byte or more.
// Limits     kPatternMax bytes of pattern, kStatesMax states when repetitions are written out. All searches of a text
//            together take at most kStepsPerByte x its bytes + kStepsAlways steps (one is a state entered at one byte):
//            beyond, its rest counts as found. Nothing from the heap.
// Threads    One owner at a time: a search writes down its states in the object.
// Source     Thompson, "Regular expression search algorithm", CACM 11(6), 1968.
// Tests      tests/platform/base/regex_test.cc, tests/fuzz/regex_fuzz.cc
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "platform/base/text_span.h"

namespace pinaflux {

class Regex {
 public:
  static constexpr std::size_t kPatternMax = 512;
  static constexpr std::size_t kStatesMax = 1'024;
  static constexpr std::size_t kRepeatMax = 255;  // {m,n}
  static constexpr std::size_t kNestingMax = 32;
  static constexpr std::size_t kStepsPerByte = 64;  // Ordinary expressions take 1 to 10.
  static constexpr std::size_t kStepsAlways = 8'192;

  struct Fault {
    std::size_t offset = 0;      // Of the pattern, in bytes.
    const char* what = nullptr;  // nullptr: none.
  };
  // On a fault the expression matches nothing.
  explicit Regex(std::string_view pattern);
  const Fault& fault() const { return fault_; }
  // Every match holds this byte.
  bool needs(char byte) const;

  // The first match that begins at `from` or behind it; empty if there is none. What is before `from` counts for
  // ^ and \b. `steps` grows by those that it took; where they are too many for this text, the match goes from the
  // first place where one may have begun to the text's end.
  TextSpan find(std::string_view text, std::size_t from, std::size_t& steps) const;

 private:
  friend class RegexParser;
  friend class RegexCompiler;

  using Set = std::array<std::uint32_t, 8>;  // Bit b: byte b.
  struct State {
    enum class Kind : std::uint8_t { set, split, begin, end, edge, inside, match };
    Kind kind;
    std::uint16_t set = 0;              // In sets_.
    std::uint16_t next = 0, other = 0;  // Of a split: both.
  };
  struct Thread {
    std::uint16_t state;
    std::size_t begin;  // Where its match began.
  };

  bool holds(State::Kind assertion, std::string_view text, std::size_t at) const;
  // Adds the threads that are reached from `state` without a byte, at this place of the text. The steps taken.
  std::size_t follow(std::uint16_t state, std::size_t begin, std::string_view text, std::size_t at,
                     std::vector<Thread>& to) const;

  std::vector<State> states_;
  std::vector<Set> sets_;
  std::uint16_t first_ = 0;
  Set may_begin_{};  // Bytes that a match may begin with.
  Fault fault_;

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
