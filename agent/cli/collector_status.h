// `pinaflux-collector status`: asks the collector that runs how it is.
//
// Threads    The caller's.
// Tests      tests/collector/file
#pragma once

#include <string>

namespace pinaflux {

// `listen`: the address that its --listen names. Exit status: 0; 1 nothing can be landed now; 64 a bad address; 69 it does not answer.
int collector_status(const std::string& listen, bool json);

}  // namespace pinaflux
