// Address: "tcp://HOST:PORT", "tls://HOST:PORT", "unix:///PATH" and "stdin:", as configurations write them.
//
// Threads    Pure functions; any.
// Tests      tests/platform/linux/network_test.cc, tests/platform/network_contract.h
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "platform/base/result.h"

namespace pinaflux {

struct Address {
  static constexpr std::size_t kPathBytesMax = 107;  // The kernel's.
  enum class Kind { tcp, tls, unix_socket, standard_input };
  Kind kind = Kind::tcp;
  std::string host;  // Without brackets; empty or "*": any (to listen on).
  std::uint16_t port = 0;
  std::string path;
};

// Errors: invalid, with what was expected.
Result<Address> parse_address(std::string_view text);

}  // namespace pinaflux
