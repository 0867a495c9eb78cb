// Proxy: an HTTP proxy that connections leave by (CONNECT, RFC 9110 section 9.3.6).
//
// Threads    Values and pure functions; any.
// Tests      tests/platform/linux/proxied_stream_test.cc
#pragma once

#include <string>
#include <string_view>

#include "platform/address.h"

namespace pinaflux {

struct Proxy {
  std::string address;  // "http://HOST:PORT"; empty: none.
  std::string user;     // Empty: it asks for none.
  std::string password;

  bool used() const { return !address.empty(); }
  bool operator==(const Proxy&) const = default;
};

// Where its TCP connection goes. Errors: invalid.
Result<Address> parse_proxy(std::string_view address);

}  // namespace pinaflux
