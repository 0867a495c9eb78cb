// Control client: asks a running agent over its control socket.
//
// Threads    The caller's: runs the loop until the answer is complete.
// Tests      tests/e2e/run (the_commands_answer)
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "platform/base/result.h"
#include "platform/loop.h"
#include "platform/network.h"

namespace pinaflux {

// Each line of the answer is handed over as it comes; false ends the conversation.
using OnLine = std::function<bool(std::string_view line)>;

using OnBytes = std::function<bool(Bytes bytes)>;

// Errors: not_found or refused (no agent listens there), denied, timeout.
Status ask_agent(Loop& loop, Network& network, const std::string& socket, std::string_view request,
                 OnLine on_line);

// The same for an answer that is not lines.
Status ask_agent_bytes(Loop& loop, Network& network, const std::string& socket,
                       std::string_view request, OnBytes on_bytes);

}  // namespace pinaflux
