// `pinaflux run`: the agent as a service: starts, reloads on SIGHUP and `config apply`, ends on SIGTERM.
//
// Promise    A configuration that is invalid, or that cannot be started, changes nothing: the running one
//            goes on, or is started again, and the findings say why. Queue and positions stay throughout.
// Threads    The main thread becomes the loop.
// Tests      tests/e2e/run, tests/faults/run
#pragma once

#include <string>

namespace pinaflux {

struct RunOptions {
  std::string configuration = "/etc/pinaflux/pinaflux.yaml";
  bool verbose = false;
};

// The exit status (exit_status.h).
int run_command(const RunOptions& options);

}  // namespace pinaflux
