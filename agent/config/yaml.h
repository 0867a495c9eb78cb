// Yaml: text to Node tree: a strict subset of YAML 1.2; JSON is part of it. The only user of yaml-cpp.
//
// Promise    Anchors, aliases, tags, merge keys, duplicate keys, a second document, tabs in the
//            indentation, control characters and bytes that are not UTF-8 are findings, never guesses. No
//            exception leaves it.
// Limits     1 MiB, 32 levels, 20,000 nodes.
// Threads    Pure; any.
// Tests      tests/agent/config/yaml_test.cc, tests/fuzz/yaml_fuzz.cc
#pragma once

#include "agent/config/finding.h"
#include "agent/config/node.h"

namespace pinaflux::config {

inline constexpr std::size_t kTextBytesMax = 1024 * 1024;
inline constexpr std::size_t kDepthMax = 32;
inline constexpr std::size_t kNodesMax = 20'000;

// False when no tree could be made (then the findings say why). True with findings is possible: what they
// name is damaged in the tree or left out of it.
bool parse_yaml(const ConfigText& text, Node& root, Findings& findings);

}  // namespace pinaflux::config
