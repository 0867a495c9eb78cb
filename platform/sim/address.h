// SimAddress: "tcp://HOST:PORT" and "unix:///PATH" as a place in a simulated world.
//
// Promise    What the real network refuses as an address is refused here, with the same code.
// Threads    Pure functions; any.
// Tests      tests/platform/network_contract.h
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "platform/base/result.h"

namespace pinaflux {

struct SimAddress {
  enum class Kind { tcp, unix_socket, standard_input };
  Kind kind = Kind::tcp;
  std::string host;  // Without brackets; empty: any (to listen on).
  std::uint16_t port = 0;
  std::string path;

  // Who listens there: the machine, and the port or path on it.
  std::string place(std::string_view machine) const;
};

// Errors: invalid, with what was expected.
Result<SimAddress> parse_sim_address(std::string_view text);
// The machine that a program on `here` means by `host`: its own by loopback addresses and by nothing.
std::string machine_of(std::string_view host, const std::string& here);

}  // namespace pinaflux
