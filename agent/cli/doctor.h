// `pinaflux doctor`: looks at everything that the agent needs, and says what to do about what is wrong.
//
// Promise    Changes nothing. Each check ends within its time-out and is printed as it ends; the JSON is
//            a contract ("pinaflux.doctor/1"): changes by addition only.
// Limits     kCheckTimeout for each peer.
// Threads    The caller's: runs the loop.
// Tests      tests/e2e/run (the_commands_answer), tests/faults/run
#pragma once

#include <string>
#include <vector>

namespace pinaflux {

struct Check {
  enum class Verdict { ok, warning, failed };
  std::string name;  // "broker uplink", "spool", ...
  Verdict verdict = Verdict::ok;
  std::string text;  // What was found.
  std::string next;  // What to do; empty when all is well.
  double milliseconds = 0.0;
};

std::string checks_json(const std::vector<Check>& checks);
std::string check_line(const Check& check);

struct DoctorOptions {
  std::string configuration;
  bool json = false;
};

// Exit status: 0 when nothing failed, 69 otherwise, 78 when the configuration is invalid.
int doctor_command(const DoctorOptions& options);

}  // namespace pinaflux
