// Stream names that depend on data: what a script or a process may call a stream.
//
// Threads    Pure function; any.
// Tests      tests/agent/pipeline/script_test.cc, tests/agent/pipeline/execd_test.cc
#pragma once

#include <string_view>

namespace pinaflux {

// 1 to 512 bytes of UTF-8 without control characters and wildcards, and none of the agent's own.
bool is_stream_name(std::string_view name);

}  // namespace pinaflux
