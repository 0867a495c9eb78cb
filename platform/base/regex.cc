// All ways through the expression at once, byte by byte: a thread is a state and the place where its match began.
// Threads stand in the order of these places, and a state takes the first that reaches it: so the leftmost wins, and
// among its ends the last one seen is the longest. Nothing is tried twice, whatever the expression.

#include "platform/base/regex.h"

#include <algorithm>

#include "platform/base/regex_compiler.h"

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

bool Regex::needs(char byte) const {
  std::vector<bool> reached(states_.size());
  std::vector<std::uint16_t> left{first_};
  Set only_it{};
  only_it[static_cast<unsigned char>(byte) / 32] = 1u << (static_cast<unsigned char>(byte) % 32);
  while (!left.empty()) {
    const std::uint16_t i = left.back();
    left.pop_back();
    if (i >= reached.size() || reached[i]) continue;
    reached[i] = true;
    const State& here = states_[i];
    if (here.kind == State::Kind::match) return false;
    if (here.kind == State::Kind::set && sets_[here.set] == only_it) continue;
    left.push_back(here.next);
    if (here.kind == State::Kind::split) left.push_back(here.other);
  }
  return !states_.empty();
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

std::size_t Regex::follow(std::uint16_t state, std::size_t begin, std::string_view text,
                          std::size_t at, std::vector<Thread>& to) const {
  std::size_t steps = 0;
  stack_.push_back(state);
  while (!stack_.empty()) {
    const std::uint16_t i = stack_.back();
    stack_.pop_back();
    if (seen_[i] == round_) continue;
    seen_[i] = round_;
    ++steps;
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
  return steps;
}

TextSpan Regex::find(std::string_view text, std::size_t from, std::size_t& steps) const {
  TextSpan best;
  const std::size_t steps_max = kStepsPerByte * text.size() + kStepsAlways;
  if (states_.empty()) return best;
  std::vector<Thread>*now = &threads_[0], *next = &threads_[1];
  const auto begin_round = [&] {
    if (++round_ == 0) std::ranges::fill(seen_, 0), round_ = 1;
  };
  now->clear();
  begin_round();
  for (std::size_t at = from; at <= text.size(); ++at) {
    if (steps > steps_max) {
      if (!now->empty()) return {now->front().begin, text.size()};
      return {best.empty() ? at : best.begin, text.size()};
    }
    if (best.empty() && at < text.size() && has(may_begin_, text[at]))
      steps += follow(first_, at, text, at, *now);
    next->clear();
    begin_round();
    for (const Thread& thread : *now) {
      if (!best.empty() && thread.begin > best.begin) break;
      const State& state = states_[thread.state];
      if (state.kind == State::Kind::match) {
        if (at > thread.begin) best = {thread.begin, at};
      } else if (at < text.size() && has(sets_[state.set], text[at])) {
        steps += follow(state.next, thread.begin, text, at + 1, *next);
      }
    }
    std::swap(now, next);
    if (!best.empty() && now->empty()) break;
  }
  return best;
}

bool RegexFinder::next(TextSpan& span) {
  if (from_ >= text_.size()) return false;
  span = regex_.find(text_, from_, steps_);
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
