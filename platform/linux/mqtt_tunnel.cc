// Paho 1.3.14 can do CONNECT itself, and badly for us: on its receiving thread and under its lock, so that our loop
// waits with it in its next call, up to ten seconds for a proxy that is silent; an answer that arrives in two pieces is
// taken for MQTT, in part; of every failure it says no more than "TCP connect completion failure". It also reads a
// proxy from the environment (with PAHO_C_CLIENT_USE_HTTP_PROXY), which would lead data elsewhere without the
// configuration saying so.
//
// So we dial, and say CONNECT, on the loop. Then Paho may connect, and its socket becomes our connection at the moment
// when it would dial (the linker leads connect() through us, beside deps::paho). It is told that dialling is under way:
// what it does with a socket that is connected at once speaks WebSocket before TLS is done. Paho names a broker by host
// and port alone. Two tunnels to one broker are as good as each other: either client may get either.

#include "platform/linux/mqtt_tunnel.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <mutex>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "platform/linux/proxied_stream.h"

namespace pinaflux {

namespace {

// Shared by all: Paho asks on its threads, and says nothing of who asks.
class Tunnels {
 public:
  static Tunnels& one() {
    static Tunnels tunnels;
    return tunnels;
  }

  void open(const std::string& key, const void* owner) {
    const std::lock_guard lock(mutex_);
    lines_.push_back({key, owner, {}});
  }
  void stand(const void* owner, Fd fd) {
    const std::lock_guard lock(mutex_);
    const auto line = std::ranges::find(lines_, owner, &Line::owner);
    if (line != lines_.end()) line->fd = std::move(fd);
  }
  void close(const void* owner) {
    const std::lock_guard lock(mutex_);
    std::erase_if(lines_, [&](const Line& line) { return line.owner == owner; });
  }
  // Whether there is one; its connection, if it stands.
  std::pair<bool, Fd> take(const std::string& key) {
    const std::lock_guard lock(mutex_);
    bool opened = false;
    for (Line& line : lines_) {
      if (line.key != key) continue;
      opened = true;
      if (line.fd) return {true, std::move(line.fd)};
    }
    return {opened, Fd()};
  }

 private:
  struct Line {
    std::string key;
    const void* owner;
    Fd fd;
  };

  std::mutex mutex_;
  std::vector<Line> lines_;
};

std::string key_of(std::string_view host, int port) {
  if (host.starts_with('[')) host.remove_prefix(1);
  if (host.ends_with(']')) host.remove_suffix(1);
  return std::string(host) + " " + std::to_string(port);
}

}  // namespace

Status MqttTunnel::open(const MqttConnect& options, const MqttBroker& broker, Done done) {
  close();
  const auto proxy = parse_proxy(options.proxy.address);
  if (!proxy) return std::unexpected(proxy.error());
  done_ = std::move(done);
  key_ = key_of(broker.host, broker.port);
  Tunnels::one().open(key_, this);
  const auto dial = [&](Stream::Events& inner) -> Result<std::unique_ptr<Stream>> {
    auto stream = std::make_unique<DialledStream>(
        sockets_.shared, Network::Options{.connect_timeout = options.timeout / 2}, inner);
    stream->dial(*proxy);
    dialled_ = stream.get();
    return stream;
  };
  stream_ =
      std::move(*ProxiedStream::connect(sockets_.loop,
                                        {.proxy = options.proxy,
                                         .to = {Address::Kind::tcp, broker.host, broker.port, {}},
                                         .answer = options.timeout / 2},
                                        dial, *this));
  return {};
}

void MqttTunnel::close() {
  stream_.reset();
  dialled_ = nullptr;
  if (!key_.empty()) Tunnels::one().close(this);
  key_.clear();
}

void MqttTunnel::connected() {
  // An answer before the question was taken is no proxy's.
  if (dialled_->bytes_queued() > 0) return closed({Code::refused, 0, "the proxy does not listen"});
  Tunnels::one().stand(this, dialled_->release());
  stream_.reset();
  done_({});
}

void MqttTunnel::closed(Error reason) {
  const std::string why = stream_->why();
  stream_.reset();
  done_(why.empty() ? reason.what : why);
}

namespace {
thread_local Fd* taken = nullptr;
}

TunnelTaken::TunnelTaken(std::string_view host, int port) {
  auto [opened, fd] = Tunnels::one().take(key_of(host, port));
  fd_ = std::move(fd);
  lost_ = opened && !fd_;
  if (fd_) taken = &fd_;
}

TunnelTaken::~TunnelTaken() { taken = nullptr; }

std::optional<int> TunnelTaken::connect(int socket) {
  Fd* const fd = std::exchange(taken, nullptr);
  if (fd == nullptr) return std::nullopt;
  // Both numbers are the tunnel's then; ours is closed with the TunnelTaken.
  return ::dup3(fd->get(), socket, O_CLOEXEC) == socket ? EINPROGRESS : errno;
}

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names.
extern "C" {
// Paho's proxies, of its options and of the environment, are none: no way leads past ours.
int __wrap_Proxy_setHTTPProxy(void*, char*, char**, char**, char*);
int __wrap_Proxy_setHTTPProxy(void*, char*, char**, char**, char*) { return 0; }

int __real_connect(int socket, const sockaddr* address, socklen_t bytes);
int __wrap_connect(int socket, const sockaddr* address, socklen_t bytes);
int __wrap_connect(int socket, const sockaddr* address, socklen_t bytes) {
  const auto failed = TunnelTaken::connect(socket);
  if (!failed) return __real_connect(socket, address, bytes);
  errno = *failed;
  return -1;
}
}
// NOLINTEND(bugprone-reserved-identifier)

}  // namespace pinaflux
