// The lanes that the uplink sends: those of the spool, which may hold some that the configuration no longer names.
//
// Threads    Pure.
// Tests      tests/agent/agent/sent_lanes_test.cc
#pragma once

#include <vector>

#include "agent/spool/spool.h"
#include "agent/uplink/uplink.h"

namespace pinaflux {

// By LaneIndex, each with the terms that are configured for its name.
std::vector<UplinkOptions::Lane> sent_lanes(const std::vector<UplinkOptions::Lane>& configured,
                                            const std::vector<LaneState>& kept);

}  // namespace pinaflux
