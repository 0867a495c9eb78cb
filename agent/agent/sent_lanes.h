// The uplinks, and the lanes that each sends: those of the spool, which may hold some that the configuration no longer names.
//
// Threads    Pure.
// Tests      tests/agent/agent/sent_lanes_test.cc
#pragma once

#include <string>
#include <vector>

#include "agent/spool/spool.h"
#include "agent/uplink/uplinks.h"
#include "agent/vault/vault.h"

namespace pinaflux {

// A part for each uplink that is configured, with the spool's lanes of the names that it has there, on their terms;
// what no uplink has leaves by the first. The raw lane is in none.
std::vector<Uplinks::Part> sent_lanes(const std::vector<UplinkOptions>& configured,
                                      const std::vector<LaneState>& kept);
// Gives each the keys that it names; `which` of them is at fault.
Status prove(std::vector<Uplinks::Part>& parts, const Vault& vault, Entropy& entropy,
             std::string& which);

}  // namespace pinaflux
