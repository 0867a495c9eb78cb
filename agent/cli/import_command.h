// `pinaflux-collector import` and `replay`: lands exports and archives, with the collector running (through its import
// folder) or not.
//
// Promise    The same records land, once, either way. What a machine reads goes to standard output.
// Threads    The caller's.
// Tests      tests/e2e/run (the_queue_*)
#pragma once

#include <string>
#include <vector>

#include "agent/cli/lines_server.h"
#include "agent/collector/store.h"

namespace pinaflux {

// A folder stands for the archives in it. Exit status: 0; 65 when a file is damaged, cut off or no export, or some of it
// was refused; 66 when it
// is not there; 75 when the collector that runs does not take it up; else by the database's error.
int import_command(const std::vector<std::string>& paths, const LinesServer::Options& lines,
                   CollectorStore::Options options, bool json);

}  // namespace pinaflux
