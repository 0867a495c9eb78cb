// Numbers in their order, whatever their types: exact, so that 2^53 + 1 as an integer is greater than 2^53 as a
// double, although a conversion would make them equal. Unordered: NaN, and what is no number.
//
// Threads    Pure functions; any.
// Tests      tests/agent/pipeline/filter_test.cc
#pragma once

#include <compare>
#include <cstdint>

#include "agent/data/value.h"

namespace pinaflux {

std::partial_ordering compare_number(const Value& value, std::int64_t with);
std::partial_ordering compare_number(const Value& value, double with);
std::partial_ordering compare_number(const Value& value, const Value& with);

}  // namespace pinaflux
