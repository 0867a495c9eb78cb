// Plain JSON: what machines send most, read in one pass: a flat object whose names and texts are ASCII without a
// backslash.
//
// Promise    What is plain is read as JsonReader reads it, to the last bit. What is not (nested, escaped, beyond ASCII, an
//            exponent, many digits, broken) is left to it whole: nothing is ever refused here.
// Numbers    A decimal of up to 19 digits: below 2^53 one division by a power of ten up to 10^18 is rounded right
//            (W. D. Clinger, "How to Read Floating Point Numbers Accurately", 1990); above by parse_double().
// Ownership  Names and texts lie in `text`.
// Threads    Any.
// Tests      tests/agent/ingest/plain_json_test.cc, tests/fuzz/json_fuzz.cc
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/data/value.h"

namespace pinaflux {

struct PlainMember {
  std::string_view name;
  Value value;
  // Where JsonReader says that a fault of it is: at a number, behind anything else.
  std::uint32_t at;
};

// kParsePadding bytes behind `text` are readable. False: not plain; `members` are no more than begun.
bool read_plain_json(std::string_view text, std::vector<PlainMember>& members);

}  // namespace pinaflux
