#include "platform/sim/address.h"

#include <algorithm>
#include <array>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

constexpr std::size_t kPathBytesMax = 107;  // As the kernel has it.

Result<SimAddress> parse_tcp(std::string_view rest) {
  SimAddress address;
  std::string_view port;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find("]:");
    if (end == std::string_view::npos) {
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
  }
  const auto number = parse_integer<std::uint16_t>(port);
  if (!number) return fail(Code::invalid, "the port is a number from 0 to 65535");
  address.port = *number;
  return address;
}

}  // namespace

Result<SimAddress> parse_sim_address(std::string_view text) {
  if (text == "stdin:") return SimAddress{SimAddress::Kind::standard_input, "", 0, ""};
  if (text.starts_with("tcp://")) return parse_tcp(text.substr(6));
  if (!text.starts_with("unix://")) {
    return fail(Code::invalid, "an address is tcp://HOST:PORT, unix:///PATH or stdin:");
  }
  const std::string_view path = text.substr(7);
  if (!path.starts_with('/') || path.size() > kPathBytesMax) {
    return fail(Code::invalid, "a socket is written unix:///PATH, absolute, at most 107 bytes");
  }
  return SimAddress{SimAddress::Kind::unix_socket, "", 0, std::string(path)};
}

std::string SimAddress::place(std::string_view machine) const {
  std::string text(machine);
  text += kind == Kind::tcp ? ":" : "|";
  if (kind == Kind::tcp) append_unsigned(text, port);
  if (kind == Kind::unix_socket) text += path;
  return text;
}

std::string machine_of(std::string_view host, const std::string& here) {
  static constexpr std::array<std::string_view, 7> kOwn = {
      "", "*", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"};
  return std::ranges::contains(kOwn, host) ? here : std::string(host);
}

}  // namespace pinaflux
