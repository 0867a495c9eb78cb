// Rule check: whether a rule can do what it says.
//
// Promise    What passes is accepted by the masker, but for its key. Texts of errors hold nothing of the rule.
// Threads    Pure; any.
// Tests      tests/agent/mask/masker_test.cc, tests/agent/mask/operators_test.cc
#pragma once

#include <cstddef>

#include "agent/mask/masker.h"

namespace pinaflux {

inline constexpr std::size_t kKeyIdBytesMax = 64;
inline constexpr std::size_t kReplacementBytesMax = 256;
inline constexpr double kCellMin = 1.0;  // Metres.

Status check_rule(const MaskRule& rule);

}  // namespace pinaflux
