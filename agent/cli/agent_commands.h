// Commands that talk to a running agent, and `version`, which needs none.
//
// Each returns the exit status (exit_status.h). What a machine reads goes to standard output, what a
// person must know to standard error.
#pragma once

#include <cstdint>
#include <string>

namespace pinaflux {

struct AgentAddress {
  std::string socket;  // Empty: the one of the configuration.
  std::string configuration;
};

int status_command(const AgentAddress& address, bool json);
// Records that reach a lane, as lines of JSON, until interrupted or until `count` (0: no end).
int tap_command(const AgentAddress& address, std::uint64_t count);
// Checks the file here, then hands it to the agent, which checks it again and restarts its stations.
int apply_command(const AgentAddress& address, const std::string& file);

int version_command(const char* program, bool json);

}  // namespace pinaflux
