// A tree between text and states, because {m,n} writes its operand out several times. States are made from the
// end: each knows where it goes on, and nothing has to be patched but the loop of a star.

#include "platform/base/regex_compiler.h"

#include <algorithm>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::uint16_t kNoNode = RegexNode::kNone;
constexpr std::size_t kStepsMax = 64 * 1024;  // (){255} within (){255} makes no state, but work.

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool is_name_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Of a group's name.
bool is_in_name(char c) {
  return is_name_character(c) || c == '_' || c == '.' || c == '-' ||
         static_cast<unsigned char>(c) >= 0x80;
}

void put_range(std::array<std::uint32_t, 8>& set, int first, int last) {
  for (int b = first; b <= last; ++b) set[static_cast<std::size_t>(b) / 32] |= 1u << (b % 32);
}

void negate(std::array<std::uint32_t, 8>& set) {
  for (auto& word : set) word = ~word;
}

}  // namespace

std::uint16_t RegexParser::fail(std::size_t offset, const char* what) {
  if (!failed()) to_.fault = {offset, what};
  return kNoNode;
}

bool RegexParser::take(char c) {
  if (at_end() || text_[at_] != c) return false;
  ++at_;
  return true;
}

std::uint16_t RegexParser::add(RegexNode node) {
  nodes_.push_back(node);
  return static_cast<std::uint16_t>(nodes_.size() - 1);
}

std::uint16_t RegexParser::add_set(const RegexProgram::Set& set) {
  auto& sets = to_.sets;
  const auto at = std::ranges::find(sets, set) - sets.begin();
  if (static_cast<std::size_t>(at) == sets.size()) sets.push_back(set);
  return add({.kind = Kind::set, .set = static_cast<std::uint16_t>(at)});
}

std::uint16_t RegexParser::parent(Kind kind, const std::vector<std::uint16_t>& children) {
  if (children.empty()) return add({});
  if (children.size() == 1) return children[0];
  for (std::size_t i = 0; i + 1 < children.size(); ++i)
    nodes_[children[i]].sibling = children[i + 1];
  return add({.kind = kind, .child = children[0]});
}

std::uint16_t RegexParser::parse() {
  if (text_.size() > RegexProgram::kPatternMax)
    return fail(RegexProgram::kPatternMax, "it is too long");
  if (text_.starts_with("(?i)")) {
    any_case_ = true;
    at_ = 4;
  }
  const std::uint16_t root = choice();
  if (!failed() && !at_end()) return fail(at_, "no parenthesis is open here");
  return root;
}

std::uint16_t RegexParser::choice() {
  std::vector<std::uint16_t> ways;
  do {
    ways.push_back(sequence());
  } while (!failed() && take('|'));
  return failed() ? kNoNode : parent(Kind::choice, ways);
}

std::uint16_t RegexParser::sequence() {
  std::vector<std::uint16_t> items;
  while (!failed() && !at_end() && text_[at_] != '|' && text_[at_] != ')')
    items.push_back(repeated());
  return failed() ? kNoNode : parent(Kind::sequence, items);
}

std::uint16_t RegexParser::repeated() {
  const std::uint16_t item = atom();
  if (failed() || at_end()) return item;
  const std::size_t offset = at_;
  RegexNode node{.kind = Kind::repeat, .child = item};
  if (take('*')) {
    node.max = RegexNode::kForever;
  } else if (take('+')) {
    node.min = 1;
    node.max = RegexNode::kForever;
  } else if (take('?')) {
    node.max = 1;
  } else if (take('{')) {
    if (!counts(node, offset)) return kNoNode;
  } else {
    return item;
  }
  if (!to_.captures && !at_end() && text_[at_] == '?')
    return fail(at_, "there is no lazy repetition: the longest match counts");
  node.lazy = take('?');
  if (!at_end() && std::string_view("*+?{").find(text_[at_]) != std::string_view::npos)
    return fail(at_, "this repeats a repetition: put what it repeats into ( )");
  return add(node);
}

bool RegexParser::counts(RegexNode& node, std::size_t offset) {
  bool good = count(node.min);
  node.max = node.min;
  if (good && take(',')) {
    node.max = RegexNode::kForever;
    if (!at_end() && text_[at_] != '}') good = count(node.max);
  }
  if (failed()) return false;
  if (!good || !take('}')) {
    fail(offset, "a repetition is {3}, {3,} or {3,5}; a bracket that is meant is written \\{");
  } else if (node.max < node.min) {
    fail(offset, "the second number is below the first");
  }
  return !failed();
}

bool RegexParser::count(std::uint16_t& to) {
  const std::size_t begin = at_;
  std::size_t value = 0;
  while (!at_end() && text_[at_] >= '0' && text_[at_] <= '9') {
    value = value * 10 + static_cast<std::size_t>(text_[at_++] - '0');
    if (value > RegexProgram::kRepeatMax) {
      fail(begin, "a repetition counts to 255 at most");
      return false;
    }
  }
  to = static_cast<std::uint16_t>(value);
  return at_ > begin;
}

std::uint16_t RegexParser::atom() {
  const std::size_t offset = at_;
  const char c = text_[at_++];
  const auto assertion = [&](RegexProgram::State::Kind kind) {
    return add({.kind = Kind::assertion, .set = static_cast<std::uint16_t>(kind)});
  };
  switch (c) {
    case '^': return assertion(RegexProgram::State::Kind::begin);
    case '$': return assertion(RegexProgram::State::Kind::end);
    case '(': return group(offset);
    case '[': return bracket(offset);
    case '\\': return escape(offset);
    case '*':
    case '+':
    case '?':
    case '{': return fail(offset, "there is nothing to repeat");
    case '.': {
      RegexProgram::Set set{};
      put_range(set, '\n', '\n');
      negate(set);
      return add_set(set);
    }
    default: break;
  }
  const std::size_t size = std::max<std::size_t>(utf8_bytes(text_.substr(offset)), 1);
  if (size == 1) return character(c);
  std::vector<std::uint16_t> bytes;
  for (std::size_t i = 0; i < size; ++i) bytes.push_back(character(text_[offset + i]));
  at_ = offset + size;
  return parent(Kind::sequence, bytes);
}

std::uint16_t RegexParser::group(std::size_t offset) {
  if (++depth_ > RegexProgram::kNestingMax) return fail(offset, "groups are nested too deep");
  std::size_t index = RegexProgram::kGroupsMax;  // None.
  if (take('?') && !take(':')) {
    if (!to_.captures) return fail(offset, "groups are ( ) or (?: )");
    take('P');
    if (!take('<')) return fail(offset, "groups are ( ), (?: ) or (?<name> )");
    if (!group_name()) return kNoNode;
    index = to_.names.size() - 1;
  }
  const std::uint16_t inside = choice();
  if (failed()) return kNoNode;
  if (!take(')')) return fail(offset, "this parenthesis is not closed");
  --depth_;
  if (index == RegexProgram::kGroupsMax) return inside;
  return add({.kind = Kind::group, .set = static_cast<std::uint16_t>(index), .child = inside});
}

bool RegexParser::group_name() {
  const std::size_t begin = at_;
  while (!at_end() && is_in_name(text_[at_])) ++at_;
  const std::string_view name = text_.substr(begin, at_ - begin);
  if (name.empty() || !take('>')) {
    fail(begin, "a group's name is letters, digits and _ . - up to a >");
  } else if (to_.names.size() == RegexProgram::kGroupsMax) {
    fail(begin, "there are more than 32 groups with names");
  } else if (std::ranges::find(to_.names, name) != to_.names.end()) {
    fail(begin, "another group has this name");
  } else {
    to_.names.emplace_back(name);
  }
  return !failed();
}

void RegexParser::put(RegexProgram::Set& set, int byte) const {
  put_range(set, byte, byte);
  const int other = byte ^ 0x20;
  const bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
  if (any_case_ && letter) put_range(set, other, other);
}

std::uint16_t RegexParser::character(char c) {
  RegexProgram::Set set{};
  put(set, static_cast<unsigned char>(c));
  return add_set(set);
}

bool RegexParser::class_escape(char c, RegexProgram::Set& set) const {
  RegexProgram::Set bytes{};
  switch (c | 0x20) {
    case 'd': put_range(bytes, '0', '9'); break;
    case 's':
      put_range(bytes, '\t', '\r');
      put_range(bytes, ' ', ' ');
      break;
    case 'w':
      put_range(bytes, '0', '9');
      put_range(bytes, 'a', 'z');
      put_range(bytes, 'A', 'Z');
      put_range(bytes, '_', '_');
      break;
    default: return false;
  }
  if (c == 'D' || c == 'S' || c == 'W') negate(bytes);
  for (std::size_t i = 0; i < set.size(); ++i) set[i] |= bytes[i];
  return true;
}

// What stands behind the backslash; at_ is behind it.
bool RegexParser::byte_escape(char c, std::size_t offset, int& byte) {
  switch (c) {
    case 't': byte = '\t'; return true;
    case 'n': byte = '\n'; return true;
    case 'r': byte = '\r'; return true;
    case 'x': {
      const int high = at_ < text_.size() ? hex_value(text_[at_]) : -1;
      const int low = at_ + 1 < text_.size() ? hex_value(text_[at_ + 1]) : -1;
      if (high < 0 || low < 0) {
        fail(offset, "\\x takes two hexadecimal digits");
        return false;
      }
      at_ += 2;
      byte = high * 16 + low;
      return true;
    }
    default: break;
  }
  if (is_name_character(c) || static_cast<unsigned char>(c) >= 0x80) {
    fail(offset, "this escape is not known");
    return false;
  }
  byte = c;
  return true;
}

std::uint16_t RegexParser::escape(std::size_t offset) {
  if (at_end()) return fail(offset, "nothing follows the backslash");
  const char c = text_[at_++];
  if (c == 'b' || c == 'B') {
    const auto kind =
        c == 'b' ? RegexProgram::State::Kind::edge : RegexProgram::State::Kind::inside;
    return add({.kind = Kind::assertion, .set = static_cast<std::uint16_t>(kind)});
  }
  RegexProgram::Set set{};
  if (class_escape(c, set)) return add_set(set);
  int byte = 0;
  if (!byte_escape(c, offset, byte)) return kNoNode;
  put(set, byte);
  return add_set(set);
}

bool RegexParser::member(RegexProgram::Set& set, int& byte) {
  const std::size_t offset = at_;
  const char c = text_[at_++];
  byte = static_cast<unsigned char>(c);
  if (c == '\\') {
    if (at_end()) return fail(offset, "nothing follows the backslash"), false;
    const char escaped = text_[at_++];
    if (class_escape(escaped, set)) {
      byte = -1;
      return true;
    }
    return byte_escape(escaped, offset, byte);
  }
  if (byte < 0x80) return true;
  return fail(offset, "brackets hold ASCII characters: write (?:ä|ö) for others"), false;
}

std::uint16_t RegexParser::bracket(std::size_t offset) {
  RegexProgram::Set set{};
  const bool negative = take('^');
  for (bool first = true; first || at_end() || text_[at_] != ']'; first = false) {
    if (at_end()) return fail(offset, "this bracket is not closed");
    const std::size_t begin = at_;
    int low = 0, high = 0;
    if (!member(set, low)) return kNoNode;
    const bool range = at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']';
    if (low < 0) continue;
    if (!range) {
      put(set, low);
      continue;
    }
    ++at_;
    if (!member(set, high)) return kNoNode;
    if (high < low) return fail(begin, "this range runs backwards");
    for (int b = low; b <= high; ++b) put(set, b);
  }
  ++at_;
  if (negative) negate(set);
  return add_set(set);
}

// ---- states

std::uint16_t RegexCompiler::add(RegexProgram::State state) {
  auto& states = to_.states;
  if (states.size() == RegexProgram::kStatesMax && to_.fault.what == nullptr)
    to_.fault = {0, "it is too large when its repetitions are written out"};
  if (to_.fault.what != nullptr) return 0;
  states.push_back(state);
  return static_cast<std::uint16_t>(states.size() - 1);
}

std::uint16_t RegexCompiler::states_of(std::uint16_t index, std::uint16_t next) {
  if (++steps_ > kStepsMax && to_.fault.what == nullptr)
    to_.fault = {0, "it is too large when its repetitions are written out"};
  if (to_.fault.what != nullptr) return 0;
  const RegexNode& node = (*nodes_)[index];
  std::vector<std::uint16_t> children;
  if (node.kind == RegexNode::Kind::sequence || node.kind == RegexNode::Kind::choice) {
    for (std::uint16_t c = node.child; c != kNoNode; c = (*nodes_)[c].sibling)
      children.push_back(c);
  }
  switch (node.kind) {
    case RegexNode::Kind::nothing: return next;
    case RegexNode::Kind::set: return add({.kind = Kind::set, .set = node.set, .next = next});
    case RegexNode::Kind::assertion:
      return add({.kind = static_cast<Kind>(node.set), .next = next});
    case RegexNode::Kind::repeat: return repeat(node, next);
    case RegexNode::Kind::group: return group(node, next);
    case RegexNode::Kind::sequence:
      for (std::size_t i = children.size(); i-- > 0;) next = states_of(children[i], next);
      return next;
    case RegexNode::Kind::choice: break;
  }
  std::uint16_t ways = states_of(children.back(), next);
  for (std::size_t i = children.size() - 1; i-- > 0;) {
    const std::uint16_t way = states_of(children[i], next);
    ways = add({.kind = Kind::split, .next = way, .other = ways});
  }
  return ways;
}

std::uint16_t RegexCompiler::group(const RegexNode& node, std::uint16_t next) {
  const auto place = static_cast<std::uint16_t>(2 * node.set);
  const std::uint16_t end =
      add({.kind = Kind::save, .set = static_cast<std::uint16_t>(place + 1), .next = next});
  return add({.kind = Kind::save, .set = place, .next = states_of(node.child, end)});
}

std::uint16_t RegexCompiler::repeat(const RegexNode& node, std::uint16_t next) {
  // The way that is preferred comes first.
  const auto ways = [&](std::uint16_t on, std::uint16_t out) {
    return node.lazy ? RegexProgram::State{.kind = Kind::split, .next = out, .other = on}
                     : RegexProgram::State{.kind = Kind::split, .next = on, .other = out};
  };
  std::uint16_t begin = next;
  std::uint16_t must = node.min;
  if (node.max == RegexNode::kForever) {
    const std::uint16_t loop = add({.kind = Kind::split});
    const std::uint16_t body = states_of(node.child, loop);
    if (to_.fault.what != nullptr) return 0;
    to_.states[loop] = ways(body, next);
    begin = body;
    // (x+)?, so that a round without a byte is one way among others, and not the loop's end before it began.
    if (must == 0) begin = to_.captures ? add(ways(body, next)) : loop;
    if (must > 0) --must;
  } else {
    for (int i = node.max - node.min; i > 0; --i) {
      const std::uint16_t body = states_of(node.child, begin);
      begin = add(ways(body, next));
    }
  }
  for (; must > 0 && to_.fault.what == nullptr; --must) begin = states_of(node.child, begin);
  return begin;
}

void RegexCompiler::find_first_bytes() {
  std::vector<bool> seen(to_.states.size());
  std::vector<std::uint16_t> open{to_.first};
  while (!open.empty()) {
    const std::uint16_t i = open.back();
    open.pop_back();
    if (seen[i]) continue;
    seen[i] = true;
    const RegexProgram::State& state = to_.states[i];
    if (state.kind == Kind::set) {
      const RegexProgram::Set& set = to_.sets[state.set];
      for (std::size_t w = 0; w < set.size(); ++w) to_.may_begin[w] |= set[w];
    } else if (state.kind == Kind::match) {
      to_.may_be_empty = true;
    } else {
      open.push_back(state.next);
      if (state.kind == Kind::split) open.push_back(state.other);
    }
  }
}

void RegexCompiler::compile(std::string_view pattern) {
  RegexParser parser(to_, pattern);
  const std::uint16_t root = parser.parse();
  if (to_.fault.what != nullptr) return;
  nodes_ = &parser.nodes();
  const std::uint16_t match = add({.kind = Kind::match});
  to_.first = states_of(root, match);
  if (to_.fault.what != nullptr) return;
  find_first_bytes();
  if (to_.may_begin == RegexProgram::Set{})
    to_.fault = {0, "it can match no text but an empty one"};
  if (to_.captures && to_.names.empty()) to_.fault = {0, "it has no group with a name, (?<name> )"};
}

}  // namespace pinaflux
