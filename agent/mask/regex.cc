// All ways through the expression at once, byte by byte: a thread is a state and the place where its match began.
// Threads stand in the order of these places, and a state takes the first that reaches it: so the leftmost wins, and
// among its ends the last one seen is the longest. Nothing is tried twice, whatever the expression.

#include "agent/mask/regex.h"

#include <algorithm>

#include "agent/mask/regex_compiler.h"

namespace pinaflux {

namespace {

bool has(const std::array<std::uint32_t, 8>& set, char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (set[byte / 32] >> (byte % 32) & 1) != 0;
}

bool in_word(std::string_view text, std::size_t i) {
  if (i >= text.size()) return false;
  const char c = text[i];
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// A byte of a character of UTF-8 that is not its first.
bool continues(std::string_view text, std::size_t i) {
  return i < text.size() && (static_cast<unsigned char>(text[i]) & 0xc0) == 0x80;
}

}  // namespace

Regex::Regex(std::string_view pattern) {
  RegexCompiler(*this).compile(pattern);
  if (fault_.what != nullptr) states_.clear();
  seen_.assign(states_.size(), 0);
  stack_.reserve(states_.size() * 2 + 2);
  for (auto& threads : threads_) threads.reserve(states_.size());
}

bool Regex::holds(State::Kind assertion, std::string_view text, std::size_t at) const {
  const bool edge = (at > 0 && in_word(text, at - 1)) != in_word(text, at);
  switch (assertion) {
    case State::Kind::begin: return at == 0;
    case State::Kind::end: return at == text.size();
    case State::Kind::edge: return edge;
    default: return !edge;
  }
}

void Regex::follow(std::uint16_t state, std::size_t begin, std::string_view text, std::size_t at,
                   std::vector<Thread>& to) const {
  stack_.push_back(state);
  while (!stack_.empty()) {
    const std::uint16_t i = stack_.back();
    stack_.pop_back();
    if (seen_[i] == round_) continue;
    seen_[i] = round_;
    const State& here = states_[i];
    switch (here.kind) {
      case State::Kind::set:
      case State::Kind::match: to.push_back({i, begin}); break;
      case State::Kind::split:
        stack_.push_back(here.other);
        stack_.push_back(here.next);
        break;
      default:
        if (holds(here.kind, text, at)) stack_.push_back(here.next);
    }
  }
}

TextSpan Regex::find(std::string_view text, std::size_t from, std::size_t& looked_at) const {
  TextSpan best;
  if (states_.empty()) return best;
  std::vector<Thread>*now = &threads_[0], *next = &threads_[1];
  const auto begin_round = [&] {
    if (++round_ == 0) std::ranges::fill(seen_, 0), round_ = 1;
  };
  now->clear();
  begin_round();
  std::size_t at = from;
  for (; at <= text.size(); ++at) {
    if (best.empty() && at < text.size() && has(may_begin_, text[at]))
      follow(first_, at, text, at, *now);
    next->clear();
    begin_round();
    for (const Thread& thread : *now) {
      if (!best.empty() && thread.begin > best.begin) break;
      const State& state = states_[thread.state];
      if (state.kind == State::Kind::match) {
        if (at > thread.begin) best = {thread.begin, at};
      } else if (at < text.size() && has(sets_[state.set], text[at])) {
        follow(state.next, thread.begin, text, at + 1, *next);
      }
    }
    std::swap(now, next);
    if (!best.empty() && now->empty()) break;
  }
  looked_at += std::min(at, text.size()) - from;
  return best;
}

bool RegexFinder::next(TextSpan& span) {
  constexpr std::size_t kLooks = 8;  // How often a byte may be looked at, on average.
  if (from_ >= text_.size()) return false;
  if (looked_at_ > kLooks * text_.size()) {
    span = {from_, text_.size()};
    from_ = text_.size();
    return true;
  }
  span = regex_.find(text_, from_, looked_at_);
  if (span.empty()) {
    from_ = text_.size();
    return false;
  }
  while (span.begin > from_ && continues(text_, span.begin)) --span.begin;
  while (continues(text_, span.end)) ++span.end;
  from_ = span.end;
  return true;
}

}  // namespace pinaflux
