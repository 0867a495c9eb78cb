// RegexProgram: what a regular expression is compiled to: states, and the bytes, assertions and ways between them.
//
// Syntax     a . [a-z] [^...] \d \D \w \W \s \S \t \n \r \xHH \. ^ $ \b \B ( ) (?: ) | * + ? {m} {m,} {m,n}, and (?i)
//            at the beginning: ASCII letters in either case. Over bytes: a character beyond ASCII is its bytes of
//            UTF-8, so that `.` takes one byte (no line's end), and a class holds ASCII and \xHH. `^` and `$` are the text's ends.
//            No look-around, no references. With captures: groups with names, (?<name> ) or (?P<name> ), and lazy repetitions, *? +? ?? {m,n}?
// Limits     kPatternMax bytes of pattern, kStatesMax states when repetitions are written out, kGroupsMax names.
// Threads    Any.
// Source     Thompson, "Regular expression search algorithm", CACM 11(6), 1968.
// Tests      tests/platform/base/regex_test.cc, regex_captures_test.cc, tests/fuzz/regex_fuzz.cc
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pinaflux {

struct RegexProgram {
  static constexpr std::size_t kPatternMax = 512;
  static constexpr std::size_t kStatesMax = 1'024;
  static constexpr std::size_t kRepeatMax = 255;  // {m,n}
  static constexpr std::size_t kNestingMax = 32;
  static constexpr std::size_t kGroupsMax = 32;
  // Who searches a text takes at most so many steps (one is a state entered at one byte) for each byte of it, and so many beside these.
  static constexpr std::size_t kStepsPerByte = 64;  // Ordinary expressions take 1 to 10.
  static constexpr std::size_t kStepsAlways = 8'192;

  struct Fault {
    std::size_t offset = 0;      // Of the pattern, in bytes.
    const char* what = nullptr;  // nullptr: none.
  };
  using Set = std::array<std::uint32_t, 8>;  // Bit b: byte b.
  struct State {
    enum class Kind : std::uint8_t { set, split, begin, end, edge, inside, save, match };
    Kind kind;
    std::uint16_t set = 0;              // In sets; of save: 2 x the group, and 1 more for its end.
    std::uint16_t next = 0, other = 0;  // Of a split: both, the preferred one first.
  };

  // On a fault there are no states.
  RegexProgram(std::string_view pattern, bool with_captures);

  bool takes(const State& state, char byte) const { return has(sets[state.set], byte); }
  static bool has(const Set& set, char byte) {
    const auto b = static_cast<unsigned char>(byte);
    return (set[b / 32] >> (b % 32) & 1) != 0;
  }
  static bool holds(State::Kind assertion, std::string_view text, std::size_t at);

  bool captures;
  std::vector<State> states;
  std::vector<Set> sets;
  std::uint16_t first = 0;
  Set may_begin{};  // Bytes that a match may begin with.
  bool may_be_empty = false;
  std::vector<std::string> names;  // Of the groups, in the order in which they are opened.
  Fault fault;
};

}  // namespace pinaflux
