// Regex compiler: the text of an expression becomes a tree, the tree the states of a RegexProgram.
//
// Promise    Ends for every text: depth, nodes, states and steps are bounded.
// Ownership  Fills the program that it was made for.
// Threads    One owner.
// Tests      tests/platform/base/regex_test.cc, regex_captures_test.cc, tests/fuzz/regex_fuzz.cc
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "platform/base/regex_program.h"

namespace pinaflux {

struct RegexNode {
  enum class Kind : std::uint8_t { nothing, set, sequence, choice, repeat, assertion, group };
  static constexpr std::uint16_t kNone = 0xffff;
  static constexpr std::uint16_t kForever = 0xffff;

  Kind kind = Kind::nothing;
  std::uint16_t set = 0;  // Of an assertion: its State::Kind; of a group: its index.
  std::uint16_t min = 0, max = 0;
  bool lazy = false;              // A repetition: as few as possible.
  std::uint16_t child = kNone;    // The first of them.
  std::uint16_t sibling = kNone;  // The next of its parent's children.
};

class RegexParser {
 public:
  RegexParser(RegexProgram& to, std::string_view pattern) : to_(to), text_(pattern) {}
  // The root's index; kNone with a fault.
  std::uint16_t parse();
  const std::vector<RegexNode>& nodes() const { return nodes_; }

 private:
  using Kind = RegexNode::Kind;

  bool failed() const { return to_.fault.what != nullptr; }
  std::uint16_t fail(std::size_t offset, const char* what);
  bool at_end() const { return at_ == text_.size(); }
  bool take(char c);
  std::uint16_t add(RegexNode node);
  std::uint16_t add_set(const RegexProgram::Set& set);
  std::uint16_t parent(Kind kind, const std::vector<std::uint16_t>& children);

  std::uint16_t choice();
  std::uint16_t sequence();
  std::uint16_t repeated();
  bool counts(RegexNode& node, std::size_t offset);
  bool count(std::uint16_t& to);
  std::uint16_t atom();
  std::uint16_t group(std::size_t offset);
  // The name of a group, and what closes it; false with a fault.
  bool group_name();
  std::uint16_t escape(std::size_t offset);
  std::uint16_t character(char c);
  std::uint16_t bracket(std::size_t offset);
  // One member of a bracket; false with a fault. A class (\d) fills `set` and gives -1.
  bool member(RegexProgram::Set& set, int& byte);
  bool class_escape(char c, RegexProgram::Set& set) const;
  bool byte_escape(char c, std::size_t offset, int& byte);
  void put(RegexProgram::Set& set, int byte) const;

  RegexProgram& to_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  bool any_case_ = false;
  std::vector<RegexNode> nodes_;
};

class RegexCompiler {
 public:
  explicit RegexCompiler(RegexProgram& to) : to_(to) {}
  void compile(std::string_view pattern);

 private:
  using Kind = RegexProgram::State::Kind;

  std::uint16_t add(RegexProgram::State state);
  // The state in which `node` begins that goes on with `next`.
  std::uint16_t states_of(std::uint16_t node, std::uint16_t next);
  std::uint16_t repeat(const RegexNode& node, std::uint16_t next);
  std::uint16_t group(const RegexNode& node, std::uint16_t next);
  void find_first_bytes();

  RegexProgram& to_;
  const std::vector<RegexNode>* nodes_ = nullptr;
  std::size_t steps_ = 0;
};

}  // namespace pinaflux
