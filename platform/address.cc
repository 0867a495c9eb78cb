#include "platform/address.h"

#include "platform/base/text.h"

namespace pinaflux {

namespace {

Result<Address> parse_tcp(std::string_view rest) {
  Address address;
  std::string_view port;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos || rest.substr(end + 1, 1) != ":") {
      return fail(Code::invalid, "an IPv6 address is written tcp://[ADDRESS]:PORT");
    }
    address.host = rest.substr(1, end - 1);
    port = rest.substr(end + 2);
  } else {
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos)
      return fail(Code::invalid, "the port is missing: tcp://HOST:PORT");
    address.host = rest.substr(0, colon);
    port = rest.substr(colon + 1);
    if (port.find(':') != std::string_view::npos) {
      return fail(Code::invalid, "an IPv6 address is written tcp://[ADDRESS]:PORT");
    }
  }
  const auto number = parse_integer<std::uint16_t>(port);
  if (!number) return fail(Code::invalid, "the port is a number from 0 to 65535");
  if (address.host.size() > 253 || address.host.find('\0') != std::string::npos) {
    return fail(Code::invalid, "the host name is too long or has forbidden characters");
  }
  address.port = *number;
  return address;
}

Status check_path(std::string_view path) {
  if (!path.starts_with('/'))
    return fail(Code::invalid, "a socket is written unix:///PATH, with an absolute path");
  if (path.size() > Address::kPathBytesMax || path.find('\0') != std::string_view::npos) {
    return fail(Code::invalid, "the path of a socket has at most 107 bytes");
  }
  return {};
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
  if (text == "stdin:") return Address{Address::Kind::standard_input, "", 0, ""};
  if (text.starts_with("tcp://")) return parse_tcp(text.substr(6));
  if (text.starts_with("tls://")) {
    auto address = parse_tcp(text.substr(6));
    if (address) address->kind = Address::Kind::tls;
    return address;
  }
  if (text.starts_with("unix://")) {
    const std::string_view path = text.substr(7);
    if (Status s = check_path(path); !s) return std::unexpected(s.error());
    return Address{Address::Kind::unix_socket, "", 0, std::string(path)};
  }
  return fail(Code::invalid,
              "an address is tcp://HOST:PORT, tls://HOST:PORT, unix:///PATH or stdin:");
}

}  // namespace pinaflux
