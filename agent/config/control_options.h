// ControlOptions: where this machine's operator reaches the running agent.
//
// Threads    Values; any.
#pragma once

#include <string>

namespace pinaflux {

struct ControlOptions {
  std::string socket = "/run/pinaflux/control.sock";  // Empty: none.
  std::string listen = "tcp://127.0.0.1:9469";        // Empty: none.

  friend bool operator==(const ControlOptions&, const ControlOptions&) = default;
};

}  // namespace pinaflux
