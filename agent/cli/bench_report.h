// The report of `bench spool`: its figures as JSON for a machine, as a table for a person.
//
// Threads    Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/cli/bench_child.h"

namespace pinaflux::bench {

// Numbers of each measurement as bench_runs.h gives them, under its name; what was left out is not there.
struct SpoolReport {
  bool quick = false;
  bool in_memory = false;      // The directory's file system.
  bool kernel_counts = false;  // Its write_bytes.
  Numbers steady, steady_redelivery;
  Numbers bulk_up, bulk_down;
  std::vector<std::pair<std::size_t, Numbers>> durable;  // By size of the group.
  Numbers fill, drain;                                   // Of the largest backlog.
  std::vector<Numbers> peaks;                            // Nothing queued first.
  Numbers start;
  std::vector<std::string> notes;
};

std::string json_of(const SpoolReport& report);
std::string table_of(const SpoolReport& report);

}  // namespace pinaflux::bench
