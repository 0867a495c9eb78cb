#include "platform/linux/listen.h"

#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "platform/linux/error.h"

namespace pinaflux {

namespace {

constexpr int kBacklog = 128;

std::unexpected<Error> refused() { return std::unexpected(socket_error(errno)); }

Result<Fd> bound_tcp(const SocketAddress& address, bool both_families) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return refused();
  const int on = 1, only_v6 = both_families ? 0 : 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.family() == AF_INET6) {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6);
  }
  if (::bind(fd.get(), address.get(), address.size) != 0) return refused();
  return fd;
}

Result<Listening> listen_tcp(const Address& wanted) {
  const bool any = wanted.host.empty() || wanted.host == "*";
  const auto address = numeric_address(any ? "::" : wanted.host, wanted.port);
  if (!address)
    return fail(Code::invalid, "listen on an IP address of this machine, not on a name");
  auto fd = bound_tcp(*address, any);
  if (!fd && any && fd.error().code != Code::busy && fd.error().code != Code::denied) {
    fd = bound_tcp(*numeric_address("0.0.0.0", wanted.port), false);  // A kernel without IPv6.
  }
  if (!fd) return std::unexpected(fd.error());
  if (::listen(fd->get(), kBacklog) != 0) return refused();
  SocketAddress given;
  given.size = sizeof given.storage;
  if (::getsockname(fd->get(), reinterpret_cast<sockaddr*>(&given.storage), &given.size) != 0) {
    return refused();
  }
  return Listening{std::move(*fd), "tcp://" + printed(given), ""};
}

// Who made the socket file is gone if nobody takes a connection.
bool stale(const SocketAddress& address) {
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return probe && ::connect(probe.get(), address.get(), address.size) != 0 && errno == ECONNREFUSED;
}

Result<Listening> listen_unix(const Address& wanted) {
  const auto address = unix_address(wanted.path);
  if (!address) return std::unexpected(address.error());
  struct stat there{};
  if (::lstat(wanted.path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) {
      return fail(Code::exists, "the path exists and is not a socket: remove it or choose another");
    }
    if (!stale(*address))
      return fail(Code::busy, "another program listens on this socket: stop it first");
    ::unlink(wanted.path.c_str());
  }
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return refused();
  if (::bind(fd.get(), address->get(), address->size) != 0)
    return std::unexpected(file_error(errno));
  // Nobody can connect before listen(): the mode is right in time.
  if (::chmod(wanted.path.c_str(), 0660) != 0 || ::listen(fd.get(), kBacklog) != 0)
    return refused();
  return Listening{std::move(fd), "unix://" + wanted.path, wanted.path};
}

}  // namespace

Result<Listening> listen_at(const Address& address) {
  switch (address.kind) {
    case Address::Kind::tcp: return listen_tcp(address);
    case Address::Kind::tls:
      return fail(Code::unsupported,
                  "listening speaks no TLS yet: listen on tcp://127.0.0.1 or unix://");
    case Address::Kind::unix_socket: return listen_unix(address);
    case Address::Kind::standard_input: break;
  }
  return fail(Code::invalid, "nobody can listen on standard input");
}

void remove_socket(const Listening& listening) {
  if (listening.path.empty()) return;
  // Another program may have replaced it meanwhile: then connecting to it works although ours is
  // closed.
  const auto address = unix_address(listening.path);
  if (address && stale(*address)) ::unlink(listening.path.c_str());
}

}  // namespace pinaflux
