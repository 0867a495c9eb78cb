// TextSpan: a piece of a text, by its places in bytes.
//
// Threads    Any.
// Tests      tests/platform/base/regex_test.cc
#pragma once

#include <cstddef>

namespace pinaflux {

struct TextSpan {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool empty() const { return begin == end; }
};

}  // namespace pinaflux
