// `pinaflux test uplink`: goes the way of a batch step by step, and says how long each step takes, or why it is
// not taken and what to do.
//
// Promise    Sends one hello under a lane of no records (kProbeLane): nothing is landed, nothing is acknowledged. Logs in
//            under a client id of its own, so that a running agent keeps its connection.
// Limits     kStepMax for each step. The JSON is a contract ("pinaflux.test.uplink/1").
// Threads    The caller's: runs the loop.
// Tests      tests/e2e/run (the_uplink_is_tested), tests/delivery/told
#pragma once

#include <string>

namespace pinaflux {

// `name`: of which uplink. Exit status: 0 when every step was taken, 69 otherwise, 78 when the configuration is invalid
// or has no such uplink.
int uplink_test_command(const std::string& configuration, const std::string& name, bool json);

}  // namespace pinaflux
