#include "platform/linux/interface.h"

#include <cstring>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>

#include <ifaddrs.h>

#include "platform/linux/address.h"
#include "platform/linux/fd.h"

namespace pinaflux {

namespace {

constexpr std::uint16_t kAnyPort = 9;
// Of the networks for documentation (RFC 5737, RFC 3849): nobody's, so the default route leads there.
constexpr std::string_view kFarAway[] = {"192.0.2.1", "2001:db8::1"};

// A datagram socket that is connected has chosen its way, and sent nothing.
std::optional<SocketAddress> source_towards(const SocketAddress& to) {
  const Fd fd(::socket(to.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), to.get(), to.size) != 0) return std::nullopt;
  SocketAddress from;
  from.size = sizeof from.storage;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&from.storage), &from.size) != 0) {
    return std::nullopt;
  }
  return from;
}

bool same_host(const SocketAddress& a, const sockaddr* b) {
  if (b == nullptr || a.family() != b->sa_family) return false;
  if (a.family() == AF_INET) {
    return std::memcmp(&reinterpret_cast<const sockaddr_in*>(&a.storage)->sin_addr,
                       &reinterpret_cast<const sockaddr_in*>(b)->sin_addr, sizeof(in_addr)) == 0;
  }
  return a.family() == AF_INET6 &&
         std::memcmp(&reinterpret_cast<const sockaddr_in6*>(&a.storage)->sin6_addr,
                     &reinterpret_cast<const sockaddr_in6*>(b)->sin6_addr, sizeof(in6_addr)) == 0;
}

std::string interface_with(const SocketAddress& address) {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return {};
  std::string name;
  for (const ifaddrs* one = all; one != nullptr && name.empty(); one = one->ifa_next) {
    if (same_host(address, one->ifa_addr)) name = one->ifa_name;
  }
  ::freeifaddrs(all);
  return name.substr(0, name.find(':'));  // An address may have a label, "wwan0:1".
}

std::string interface_towards(const SocketAddress& to) {
  const auto from = source_towards(to);
  return from ? interface_with(*from) : std::string();
}

}  // namespace

std::string interface_towards(std::string_view host) {
  if (const auto numeric = numeric_address(host, kAnyPort)) return interface_towards(*numeric);
  for (const std::string_view far : kFarAway) {
    if (auto name = interface_towards(*numeric_address(far, kAnyPort)); !name.empty()) return name;
  }
  return {};
}

}  // namespace pinaflux
