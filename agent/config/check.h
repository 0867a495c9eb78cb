// check_tree: a whole tree against the table of keys: unknown, missing and misplaced keys, types, ranges.
//
// Promise    Every fault is found, none stops the search. What is left of the tree can be read by Reader.
// Threads    Pure; any.
// Tests      tests/agent/config/bad_test.cc
#pragma once

#include "agent/config/finding.h"
#include "agent/config/node.h"

namespace pinaflux::config {

// `top` is where a fault of the file as a whole is shown.
void check_tree(const Node& root, const Place& top, Findings& findings);

}  // namespace pinaflux::config
