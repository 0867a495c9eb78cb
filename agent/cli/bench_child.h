// Children of a benchmark: each measurement runs in a process of its own, so that memory peaks, written bytes
// and caches do not mix; and what the kernel tells about such a process.
//
// Promise    A child that fails, crashes or is interrupted is an error of in_child(), nothing worse.
// Threads    One; none may run beside it (fork).
// Source     proc_pid_io(5), proc_pid_status(5).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "platform/base/result.h"

namespace pinaflux::bench {

using Numbers = std::map<std::string, double>;

// Shows on a terminal's standard error how far a measurement is; silent elsewhere.
class Meter {
 public:
  explicit Meter(std::string what);
  ~Meter();
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;
  void at(double part);  // 0 to 1.

 private:
  std::string what_;
  int percent_ = -1;
  bool terminal_;
};

struct Failure {
  Error error;
  std::string text;  // error.what of the child: its static text lived there.
};

// Runs `measure` in a child that is bound to one core, and gives what it put into its Numbers.
std::expected<Numbers, Failure> in_child(const std::string& what,
                                         const std::function<Status(Numbers&, Meter&)>& measure);

// Of this process: the kernel's write_bytes, and the most memory it ever had.
std::uint64_t written_bytes();
double peak_kb();
// Processor time of this thread.
double cpu_seconds();
// The kernel counts what is written below this directory (not in memory, not in every container).
bool counts_writes(const std::string& directory);
// Asks the kernel to forget the file, and gives the share of it that it still holds.
double drop_from_cache(const std::string& path);

}  // namespace pinaflux::bench
