// Units: durations, sizes, names and addresses as an operator writes them.
//
// Promise    A parser takes the whole text or nothing; what format_ gives is read back as the same value.
// Threads    Pure functions; any.
// Tests      tests/agent/config/units_test.cc
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "platform/base/time.h"

namespace pinaflux::config {

// "250ms", "5m", "1h30m", "30d": d h m s ms us, largest first, each once; "0" needs no unit.
std::optional<Duration> parse_duration(std::string_view text);
std::string format_duration(Duration duration);

// "64MiB", "1GB", "512B": B, KiB MiB GiB TiB (powers of 1,024), kB KB MB GB TB (powers of 1,000).
std::optional<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);

// 1 to 64 of A-Z a-z 0-9 . _ - ; not "." or "..".
bool valid_name(std::string_view text);

struct Address {
  enum class Kind { tcp, tls, http, unix_socket, standard_input };
  Kind kind = Kind::tcp;
  std::string host;  // tcp, tls and http, without brackets.
  std::uint16_t port = 0;
  bool port_given = false;
  bool websocket = false;    // ws:// is tcp, wss:// is tls.
  bool post = false;         // http:// is tcp, https:// is tls.
  std::string path;          // Of a unix socket; of these two, with its '/', may be empty.
  std::string text() const;  // As platform/network.h takes it.
};

// The address, or what is wrong with it. The message names no part of the address: it may hold a password.
struct AddressRead {
  std::optional<Address> address;
  std::string what, fix;
};
AddressRead parse_address(std::string_view text);
// http://HOST:PORT
AddressRead parse_proxy(std::string_view text);

}  // namespace pinaflux::config
