// All ways through the expression at once, byte by byte, as in regex.cc; but a thread carries the places where its groups begin and end, and
// threads stand in the order in which a search that goes back would try them. A state takes the first that reaches it: what comes later has the
// same future, and is preferred less. So the first thread that matches is what that search would have found, and those behind it go.
//
// On the way to a state without a byte, here_ holds the places of that way. A group's begin or end is put there, and put back when all that
// lies behind it has been followed: no way needs a copy before it ends.

#include "platform/base/regex_captures.h"

#include <algorithm>

namespace pinaflux {

RegexCaptures::RegexCaptures(std::string_view pattern) : program_(pattern, true) {
  const std::size_t states = program_.states.size(), places = 2 * program_.names.size();
  for (Threads* threads : {&now_, &next_}) {
    threads->states.resize(states);
    threads->places.resize(states * places);
  }
  here_.resize(places);
  found_.resize(places);
  stack_.resize(states * 2 + 2);  // A state that is entered brings two.
  seen_.resize(states);
}

std::string_view RegexCaptures::group(std::size_t index) const {
  const Place begin = found_[2 * index], end = found_[2 * index + 1];
  if (begin == kNowhere || end == kNowhere) return {};
  return text_.substr(begin, end - begin);
}

bool RegexCaptures::anchored() const {
  return program_.states[program_.first].kind == RegexProgram::State::Kind::begin;
}

bool RegexCaptures::may_begin(std::size_t at) const {
  if (at > 0 && anchored()) return false;
  return program_.may_be_empty ||
         (at < text_.size() && RegexProgram::has(program_.may_begin, text_[at]));
}

void RegexCaptures::begin_round() {
  if (++round_ != 0) return;
  std::ranges::fill(seen_, 0);
  round_ = 1;
}

void RegexCaptures::follow(std::uint16_t state, std::size_t at, Threads& to) {
  using Kind = RegexProgram::State::Kind;
  std::size_t left = 0;
  stack_[left++] = {state};
  while (left > 0) {
    const Step step = stack_[--left];
    if (step.state == kPutBack) {
      here_[step.index] = step.place;
      continue;
    }
    if (seen_[step.state] == round_) continue;
    seen_[step.state] = round_;
    ++steps_;
    const RegexProgram::State& here = program_.states[step.state];
    switch (here.kind) {
      case Kind::set:
      case Kind::match:
        std::ranges::copy(here_, to.places.data() + to.count * here_.size());
        to.states[to.count++] = step.state;
        break;
      case Kind::split:
        stack_[left++] = {here.other};
        stack_[left++] = {here.next};
        break;
      case Kind::save:
        stack_[left++] = {kPutBack, here.set, here_[here.set]};
        stack_[left++] = {here.next};
        here_[here.set] = static_cast<Place>(at);
        break;
      default:
        if (RegexProgram::holds(here.kind, text_, at)) stack_[left++] = {here.next};
    }
  }
}

void RegexCaptures::advance(std::size_t at) {
  next_.count = 0;
  begin_round();
  const std::size_t places = here_.size();
  for (std::size_t i = 0; i < now_.count; ++i) {
    const RegexProgram::State& state = program_.states[now_.states[i]];
    const Place* const its = now_.places.data() + i * places;
    if (state.kind == RegexProgram::State::Kind::match) {
      std::copy_n(its, places, found_.data());
      matched_ = true;
      break;
    }
    if (at == text_.size() || !program_.takes(state, text_[at])) continue;
    std::copy_n(its, places, here_.data());
    follow(state.next, at + 1, next_);
  }
  std::swap(now_, next_);
}

RegexCaptures::Found RegexCaptures::find(std::string_view text) {
  text_ = text;
  steps_ = 0;
  matched_ = false;
  if (program_.states.empty() || text.size() >= kNowhere) return Found::no;
  const std::size_t steps_max =
      RegexProgram::kStepsPerByte * text.size() + RegexProgram::kStepsAlways;
  now_.count = 0;
  begin_round();
  for (std::size_t at = 0; at <= text.size(); ++at) {
    if (steps_ > steps_max) return Found::too_many_steps;
    if (!matched_ && may_begin(at)) {
      std::ranges::fill(here_, kNowhere);
      follow(program_.first, at, now_);
    }
    if (now_.count == 0 && (matched_ || anchored())) break;
    advance(at);
  }
  return matched_ ? Found::yes : Found::no;
}

}  // namespace pinaflux
