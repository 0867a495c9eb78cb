// How a collector shows itself: Prometheus text and health as JSON.
//
// Promise    Names are a contract: changes by addition only. No value of a record is in it.
// Threads    Pure functions; any.
// Tests      tests/agent/collector/collector_test.cc
#pragma once

#include <string>

#include "agent/collector/collector.h"

namespace pinaflux {

// What arrives can be landed. A broker that is away is what the gateways' spools are for, and healthy.
bool healthy(const CollectorStatus& status);
std::string collector_prometheus(const CollectorStatus& status);  // Text exposition format 0.0.4.
std::string collector_text(const CollectorStatus& status);        // For a person, some lines.
std::string collector_json(const CollectorStatus& status);  // "pinaflux.collector/1", one line.

}  // namespace pinaflux
