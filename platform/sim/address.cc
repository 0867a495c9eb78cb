#include "platform/sim/address.h"

#include <algorithm>
#include <array>

#include "platform/base/text.h"

namespace pinaflux {

std::string place_of(const Address& address, std::string_view machine) {
  std::string text(machine);
  text += address.kind == Address::Kind::tcp ? ":" : "|";
  if (address.kind == Address::Kind::tcp) append_unsigned(text, address.port);
  if (address.kind == Address::Kind::unix_socket) text += address.path;
  return text;
}

std::string machine_of(std::string_view host, const std::string& here) {
  static constexpr std::array<std::string_view, 7> kOwn = {
      "", "*", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"};
  return std::ranges::contains(kOwn, host) ? here : std::string(host);
}

}  // namespace pinaflux
