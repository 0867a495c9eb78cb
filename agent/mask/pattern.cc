// Two small machines of the same kind: one over steps, where `**` may take any number of them, one over
// the characters of a step, where `*` may. Both remember the last star and come back to it when what
// follows does not fit: no recursion, at most (pattern x name) comparisons, whatever the operator wrote.
// Plans are compiled once per shape, so this never runs for each record.

#include "agent/mask/pattern.h"

#include <array>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

bool step_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

struct Steps {
  std::array<std::string_view, Pattern::kStepsMax> items;
  std::size_t count = 0;
};

bool cut(std::string_view name, char separator, Steps& to) {
  Split rest(name, separator);
  for (std::string_view step; rest.next(step);) {
    if (to.count == to.items.size()) return false;
    to.items[to.count++] = step;
  }
  return true;
}

}  // namespace

Pattern::Pattern(std::string_view text, char separator)
    : separator_(separator), valid_(!text.empty() && text.size() <= limits::kNameBytesMax) {
  if (!valid_) return;
  for (std::string_view step : split(text, separator)) steps_.emplace_back(step);
}

bool Pattern::matches(std::string_view name) const {
  StepSet wild;
  return matches(name, wild);
}

bool Pattern::matches(std::string_view name, StepSet& wild) const {
  wild.reset();
  Steps steps;
  if (!valid_ || !cut(name, separator_, steps)) return false;
  std::size_t p = 0, s = 0, star = steps_.size(), resume = 0;
  StepSet wild_before_star;
  while (s < steps.count) {
    if (p < steps_.size() && steps_[p] == "**") {
      star = p++;
      resume = s;
      wild_before_star = wild;
    } else if (p < steps_.size() && step_matches(steps_[p], steps.items[s])) {
      if (steps_[p].find('*') != std::string::npos) wild.set(s);
      ++p;
      ++s;
    } else if (star != steps_.size()) {
      wild_before_star.set(resume);
      wild = wild_before_star;
      p = star + 1;
      s = ++resume;
    } else {
      return false;
    }
  }
  while (p < steps_.size() && steps_[p] == "**") ++p;
  return p == steps_.size();
}

}  // namespace pinaflux
