// Whether a row of the table applies where a neighbouring key decides (`type: mqtt`, `with: hmac`).
//
// Threads    Pure; any.
// Tests      tests/agent/config/bad_test.cc
#pragma once

#include <string>
#include <string_view>

#include "agent/config/keys.h"
#include "agent/config/node.h"

namespace pinaflux::config {

// unknown: the neighbour's own value is wrong (and reported): nothing can be said.
enum class Applies { yes, no, unknown };

Applies applies(const Key& key, const Node& section, std::string_view path);
// The neighbour's value, given or by default; empty if there is none.
std::string selected(std::string_view selector, const Node& section, std::string_view path);
// The row of `name` below `path` that applies in this section; null if none.
const Key* row_in(const Node& section, std::string_view path, std::string_view name);

}  // namespace pinaflux::config
