#include "platform/linux/address.h"

#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>
#include <sys/un.h>

#include "platform/base/text.h"

namespace pinaflux {

Result<SocketAddress> numeric_address(std::string_view host, std::uint16_t port) {
  SocketAddress address;
  const std::string name(host == "localhost" ? "127.0.0.1" : host);
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET, name.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&address.storage, &v4, address.size = sizeof v4);
    return address;
  }
  if (inet_pton(AF_INET6, name.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&address.storage, &v6, address.size = sizeof v6);
    return address;
  }
  return fail(Code::not_found, "that is a name, not an IP address");
}

Result<SocketAddress> unix_address(std::string_view path) {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  if (path.size() >= sizeof local.sun_path) {
    return fail(Code::invalid, "the path of a socket has at most 107 bytes");
  }
  std::memcpy(local.sun_path, path.data(), path.size());
  SocketAddress address;
  std::memcpy(&address.storage, &local, address.size = sizeof local);
  return address;
}

std::string printed(const SocketAddress& address) {
  char host[INET6_ADDRSTRLEN] = "?";
  std::string text;
  std::uint16_t port = 0;
  if (address.family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.storage, sizeof v4);
    inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
    text = host;
    port = ntohs(v4.sin_port);
  } else if (address.family() == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address.storage, sizeof v6);
    inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
    text = std::string("[") + host + "]";
    port = ntohs(v6.sin6_port);
  } else {
    return "unix";
  }
  text += ':';
  append_unsigned(text, port);
  return text;
}

}  // namespace pinaflux
