// Pattern: names by steps: fields by '.', streams by '/'. `*` is one step, `**` any number of steps.
//
// Use        "device.*.user" and "zigbee/**"; within a step `*` stands for any characters ("temp*").
// Promise    Whole names only, case counts. A step that a wildcard matched is told, so that names can
//            be masked where the configuration did not write them down.
// Limits     kStepsMax steps: no name within limits.h has more, so none is too long to be matched.
// Threads    Values; any.
// Tests      tests/agent/mask/pattern_test.cc
#pragma once

#include <bitset>
#include <string>
#include <string_view>
#include <vector>

#include "agent/data/limits.h"

namespace pinaflux {

class Pattern {
 public:
  static constexpr std::size_t kStepsMax = limits::kNameBytesMax + 1;
  using StepSet = std::bitset<kStepsMax>;  // Bit i: step i was matched by a wildcard.

  Pattern(std::string_view text, char separator);

  // False for an empty text and for one longer than a name can be: it matches nothing.
  bool valid() const { return valid_; }
  bool matches(std::string_view name) const;
  bool matches(std::string_view name, StepSet& wild) const;

 private:
  std::vector<std::string> steps_;
  char separator_;
  bool valid_;
};

}  // namespace pinaflux
