#include "platform/base/regex_program.h"

#include "platform/base/regex_compiler.h"

namespace pinaflux {

namespace {

bool in_word(std::string_view text, std::size_t i) {
  if (i >= text.size()) return false;
  const char c = text[i];
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

RegexProgram::RegexProgram(std::string_view pattern, bool with_captures) : captures(with_captures) {
  RegexCompiler(*this).compile(pattern);
  if (fault.what != nullptr) states.clear();
}

bool RegexProgram::holds(State::Kind assertion, std::string_view text, std::size_t at) {
  const bool edge = (at > 0 && in_word(text, at - 1)) != in_word(text, at);
  switch (assertion) {
    case State::Kind::begin: return at == 0;
    case State::Kind::end: return at == text.size();
    case State::Kind::edge: return edge;
    default: return !edge;
  }
}

}  // namespace pinaflux
