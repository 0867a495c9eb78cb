// `pinaflux config test`: runs the records of a test through a configuration's mask and pipeline, and compares what comes of them
// with what the test expects; rehearsal.h says how a test is written.
//
// Promise    Nothing is stored, sent or changed; no agent is needed.
// Threads    The caller's.
// Tests      tests/e2e/run (the_commands_answer), tests/agent/agent/rehearsal_test.cc
#pragma once

#include <string>
#include <vector>

namespace pinaflux {

struct ConfigTestOptions {
  std::string configuration;
  std::vector<std::string> tests;  // Files; none: those of the configuration.
  bool print = false;              // What comes of each line, in place of what is expected.
  bool json = false;
};

// Exit status: 0; 1 when an expectation does not hold; 66: there is no test; 78 for the configuration; else by sysexits.
int config_test_command(const ConfigTestOptions& options);

}  // namespace pinaflux
