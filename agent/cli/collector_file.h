// CollectorFile: the collector's configuration: strict YAML, whose keys are the long options of `run`, with _ for -.
//
//   pinaflux-collector: 1
//   broker: tls://broker.example:8883
//   database: /var/lib/pinaflux-collector/landed.db
//   client_id: cloud-1
//
// Promise    What is wrong is told all at once, with file, line, column and the next step. What stands on the command line
//            goes before what stands in the file.
// Use        For commands other than `run`: what they have no option for is checked, and not used.
// Threads    The caller's.
// Tests      tests/collector/file
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "agent/config/finding.h"
#include "platform/files.h"

namespace pinaflux {

// Gives the options of `used`, which have been parsed, what the file says. `run` knows every key.
std::vector<Finding> apply_collector_file(Files& files, const std::string& path, CLI::App& run,
                                          CLI::App& used);

}  // namespace pinaflux
