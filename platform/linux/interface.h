// Interface: which network interface leads to a host.
//
// Threads    Pure functions; any.
// Tests      tests/platform/linux/network_test.cc
#pragma once

#include <string>
#include <string_view>

namespace pinaflux {

// "wwan0"; empty: there is no way to it. No packet is sent. A name counts as a host far away: its way is the
// default route.
std::string interface_towards(std::string_view host);

}  // namespace pinaflux
