// The first configuration of a machine, commented, ready to run.
//
// Promise    It loads without errors; nothing in it needs to be changed but the broker's address.
// Threads    Pure; any.
// Tests      tests/agent/config/init_test.cc
#pragma once

#include <string>
#include <string_view>

namespace pinaflux {

struct InitialOptions {
  std::string host_name;  // Becomes the gateway's id, as far as it can.
  std::string broker = "tcp://127.0.0.1:1883";
  std::string spool = "/var/lib/pinaflux";
};

std::string initial_configuration(const InitialOptions& options);
// What of a host's name can be a gateway's id; "gateway" if nothing can.
std::string gateway_id(std::string_view host_name);

}  // namespace pinaflux
