// Paho 1.3 says of a connection that did not come about only at which stage it gave up, in words of its own.
// Of a socket that was not even begun it says nothing: the errno is known to its Socket_new(), and dropped. So
// the linker leads that call through us (--wrap, beside deps::paho); the same thread calls back next.

#include "platform/linux/mqtt_unreached.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "platform/linux/error.h"
#include "platform/linux/mqtt_tunnel.h"
#include "platform/linux/mqtt_waits.h"

namespace pinaflux {

namespace {

// What needs no name server, in place of an address that is not dialled.
constexpr std::string_view kAnyNumber = "127.0.0.1";

// Of this thread's last socket: an errno; or -1, when the name was not found.
thread_local int last_socket_failure = 0;

struct Known {
  std::string_view paho;
  const char* text;
};
constexpr Known kKnown[] = {
    {"TCP/TLS connect failure",
     "nobody listens there, or the connection is reset on its way: start the broker, or check "
     "address, port and firewall"},
    {"TCP connect completion failure",
     "it hung up before it answered, or what answers is no MQTT broker: check its log and port, "
     "and "
     "whether it wants TLS"},
    {"TCP connect timeout",
     "it does not answer: check address, port and firewall, and whether a broker listens there"},
};

}  // namespace

std::string unreached_text(std::string_view paho) {
  const int failed = std::exchange(last_socket_failure, 0);
  const auto* known = std::ranges::find(kKnown, paho, &Known::paho);
  if (known != std::end(kKnown)) return known->text;
  if (!paho.empty() || failed == 0) return std::string(paho);
  if (failed > 0) return socket_error(failed).what;
  return "its name cannot be looked up: check its spelling, the network, and resolv.conf";
}

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names.
extern "C" {
int __real_Socket_new(const char* address, std::size_t bytes, int port, int* socket, long timeout);
int __wrap_Socket_new(const char* address, std::size_t bytes, int port, int* socket, long timeout) {
  const TunnelTaken tunnel({address, bytes}, port);
  if (tunnel.lost()) {
    last_socket_failure = ENOTCONN;
    return ENOTCONN;
  }
  if (tunnel) {
    address = kAnyNumber.data();
    bytes = kAnyNumber.size();
  }
  const int made = __real_Socket_new(address, bytes, port, socket, timeout);
  const bool dialled = made == 0 || made == EINPROGRESS || made == EWOULDBLOCK;
  last_socket_failure = dialled ? 0 : made;
  if (dialled) paho_dialled(*socket);
  return made;
}
}
// NOLINTEND(bugprone-reserved-identifier)

}  // namespace pinaflux
