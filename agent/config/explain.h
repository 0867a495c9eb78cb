// Explain: what a key means, for an operator: type, range, default, example, from the table.
//
// Use        "spool.size_max"; "sources.zigbee.every" and "sources.*.every" are the same; empty: all sections.
// Threads    Pure; any.
// Tests      tests/agent/config/explain_test.cc
#pragma once

#include <string>
#include <string_view>

namespace pinaflux {

// Text, each line ended. `known`: whether there is such a key; if not, the text suggests one.
std::string explain(std::string_view key, bool* known = nullptr);

namespace config {
// REFERENCE.md, as it stands beside the example: every key of the table.
std::string reference();
}  // namespace config

}  // namespace pinaflux
