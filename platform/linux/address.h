// Addresses of the operating system: what an Address says as sockaddr, and back.
//
// Threads    Pure functions; any.
// Tests      tests/platform/linux/address_test.cc
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/socket.h>

#include "platform/address.h"
#include "platform/base/result.h"
#include "platform/linux/fd.h"

namespace pinaflux {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

// Of a numeric host, or of "localhost"; Code::not_found for other names.
Result<SocketAddress> numeric_address(std::string_view host, std::uint16_t port);
// Code::invalid: longer than the kernel takes (107 bytes).
Result<SocketAddress> unix_address(std::string_view path);
// "10.0.0.5:502", "[::1]:502", "unix".
std::string printed(const SocketAddress& address);

}  // namespace pinaflux
