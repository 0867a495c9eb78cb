// Opening the sources of a configuration, each with the cursors that it has committed.
//
// Threads    Loop.
// Tests      tests/agent/agent/agent_test.cc
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/config/load.h"
#include "agent/ingest/options.h"
#include "agent/ingest/source.h"
#include "platform/base/result.h"

namespace pinaflux {

using SourceCursors =
    std::vector<std::pair<std::string, std::vector<std::pair<std::string, Buffer>>>>;

// In the order of the configuration. The installation's key is read, or made, beside the spool. On an error `which` says where: a
// source, a file.
Result<std::vector<std::unique_ptr<Source>>> open_sources(const Configuration& configuration,
                                                          SourceHost host,
                                                          const SourceCursors& cursors,
                                                          std::string& which);

}  // namespace pinaflux
