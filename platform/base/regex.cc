// All ways through the expression at once, byte by byte: a thread is a state and the place where its match began.
// Threads stand in the order of these places, and a state takes the first that reaches it: so the leftmost wins, and
// among its ends the last one seen is the longest. Nothing is tried twice, whatever the expression.

#include "platform/base/regex.h"

#include <algorithm>

namespace pinaflux {

namespace {

// A byte of a character of UTF-8 that is not its first.
bool continues(std::string_view text, std::size_t i) {
  return i < text.size() && (static_cast<unsigned char>(text[i]) & 0xc0) == 0x80;
}

}  // namespace

Regex::Regex(std::string_view pattern) : program_(pattern, false) {
  const std::size_t states = program_.states.size();
  seen_.assign(states, 0);
  stack_.reserve(states * 2 + 2);
  for (auto& threads : threads_) threads.reserve(states);
}

bool Regex::needs(char byte) const {
  std::vector<bool> reached(program_.states.size());
  std::vector<std::uint16_t> left{program_.first};
  RegexProgram::Set only_it{};
  only_it[static_cast<unsigned char>(byte) / 32] = 1u << (static_cast<unsigned char>(byte) % 32);
  while (!left.empty()) {
    const std::uint16_t i = left.back();
    left.pop_back();
    if (i >= reached.size() || reached[i]) continue;
    reached[i] = true;
    const State& here = program_.states[i];
    if (here.kind == State::Kind::match) return false;
    if (here.kind == State::Kind::set && program_.sets[here.set] == only_it) continue;
    left.push_back(here.next);
    if (here.kind == State::Kind::split) left.push_back(here.other);
  }
  return !program_.states.empty();
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
    const State& here = program_.states[i];
    switch (here.kind) {
      case State::Kind::set:
      case State::Kind::match: to.push_back({i, begin}); break;
      case State::Kind::split:
        stack_.push_back(here.other);
        stack_.push_back(here.next);
        break;
      default:
        if (RegexProgram::holds(here.kind, text, at)) stack_.push_back(here.next);
    }
  }
  return steps;
}

TextSpan Regex::find(std::string_view text, std::size_t from, std::size_t& steps) const {
  TextSpan best;
  const std::size_t steps_max =
      RegexProgram::kStepsPerByte * text.size() + RegexProgram::kStepsAlways;
  if (program_.states.empty()) return best;
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
    if (best.empty() && at < text.size() && RegexProgram::has(program_.may_begin, text[at]))
      steps += follow(program_.first, at, text, at, *now);
    next->clear();
    begin_round();
    for (const Thread& thread : *now) {
      if (!best.empty() && thread.begin > best.begin) break;
      const State& state = program_.states[thread.state];
      if (state.kind == State::Kind::match) {
        if (at > thread.begin) best = {thread.begin, at};
      } else if (at < text.size() && program_.takes(state, text[at])) {
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
