// Scalars: one value, as a Key types it.
//
// Promise    What check_scalar() lets pass, the read_ functions read. Messages never show a secret's value.
// Threads    Pure; any.
// Tests      tests/agent/config/bad_test.cc
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "agent/config/finding.h"
#include "agent/config/keys.h"
#include "agent/config/node.h"
#include "agent/config/units.h"

namespace pinaflux::config {

// False with a finding when the value is not what the key takes.
bool check_scalar(const Key& key, const Node& value, Findings& findings);

using Constant = std::variant<std::monostate, bool, std::int64_t, double, std::string>;
Constant read_value(const Node& value);
// With the port that is meant when none is given.
std::string read_address(const Key& key, std::string_view text);

}  // namespace pinaflux::config
