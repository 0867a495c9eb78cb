// Addresses as places in a simulated world.
//
// Threads    Pure functions; any.
// Tests      tests/platform/network_contract.h
#pragma once

#include <string>
#include <string_view>

#include "platform/address.h"

namespace pinaflux {

// Who listens there: the machine, and the port or path on it.
std::string place_of(const Address& address, std::string_view machine);
// The machine that a program on `here` means by `host`: its own by loopback addresses and by nothing.
std::string machine_of(std::string_view host, const std::string& here);

}  // namespace pinaflux
