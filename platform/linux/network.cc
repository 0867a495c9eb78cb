#include "platform/linux/network.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "platform/linux/clock.h"
#include "platform/linux/dialled_stream.h"
#include "platform/linux/error.h"
#include "platform/linux/interface.h"
#include "platform/linux/listen.h"
#include "platform/linux/mqtt_broker.h"
#include "platform/linux/proxied_stream.h"
#include "platform/linux/standard_input.h"
#include "platform/linux/websocket_stream.h"
#include "platform/tls/stream.h"

namespace pinaflux {

namespace {

// One read: a megabyte of readings comes in eight, and an idle gateway pays for one block only.
constexpr std::size_t kReadBytes = 128 * 1024;
constexpr int kAcceptsMax = 16;  // A batch.
constexpr Duration kAcceptPause = Duration::milliseconds(100);

class AcceptedSocket final : public Network::Accepted {
 public:
  AcceptedSocket(const SocketStream::Shared& shared, const Network::Options& options, Fd fd,
                 const SocketAddress& peer)
      : shared_(shared), options_(options), fd_(std::move(fd)), peer_(peer) {}

  std::unique_ptr<Stream> with(Stream::Events& events) override {
    auto stream = std::make_unique<SocketStream>(shared_, options_, events);
    stream->open(std::move(fd_));
    return stream;
  }
  std::string peer() const override { return printed(peer_); }

 private:
  const SocketStream::Shared& shared_;
  const Network::Options& options_;
  Fd fd_;
  const SocketAddress& peer_;
};

class LinuxListener final : public Listener {
 public:
  LinuxListener(const SocketStream::Shared& shared, const Network::Options& options,
                Listening listening, Network::OnAccept accepted)
      : shared_(shared),
        options_(options),
        accepted_(std::move(accepted)),
        listening_(std::move(listening)),
        ready_(make_event(shared.base, listening_.fd.get(), EV_READ | EV_PERSIST, on_ready, this)),
        again_(make_event(shared.base, -1, 0, on_again, this)) {
    start_event(ready_.get());
  }
  ~LinuxListener() override {
    if (gone_ != nullptr) *gone_ = true;
    ready_.reset();
    listening_.fd.close();
    remove_socket(listening_);
  }
  std::string address() const override { return listening_.address; }

 private:
  static void on_ready(int, short, void* self) { static_cast<LinuxListener*>(self)->accept_some(); }
  static void on_again(int, short, void* self) {
    start_event(static_cast<LinuxListener*>(self)->ready_.get());
  }

  void accept_some() {
    bool gone = false;
    gone_ = &gone;
    for (int i = 0; i < kAcceptsMax && !gone; ++i) {
      if (!accept_one()) break;
    }
    if (!gone) gone_ = nullptr;
  }

  bool accept_one() {
    SocketAddress peer;
    peer.size = sizeof peer.storage;
    Fd fd(::accept4(listening_.fd.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.size,
                    SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      // Without descriptors or memory the socket stays readable: looking again at once would spin.
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        event_del(ready_.get());
        start_event(again_.get(), kAcceptPause);
      }
      return false;
    }
    tune_socket(fd.get(), peer.family());
    AcceptedSocket accepted(shared_, options_, std::move(fd), peer);
    accepted_(accepted);
    return true;
  }

  const SocketStream::Shared shared_;
  const Network::Options options_;
  const Network::OnAccept accepted_;
  Listening listening_;
  EventPtr ready_, again_;
  bool* gone_ = nullptr;
};

}  // namespace

LinuxNetwork::LinuxNetwork(LinuxLoop& loop)
    : loop_(loop),
      keyring_(files_),
      scratch_(kReadBytes),
      names_(loop.base()),
      shared_{loop.base(), &names_, scratch_} {}

Result<std::unique_ptr<Stream>> LinuxNetwork::connect(const std::string& text,
                                                      const Options& options,
                                                      Stream::Events& events) {
  if (text.starts_with("ws://") || text.starts_with("wss://"))
    return connect_websocket(text, options, events);
  const auto address = parse_address(text);
  if (!address) return std::unexpected(address.error());
  if (address->kind == Address::Kind::standard_input) {
    Fd fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!fd) return fail(Code::closed, "there is no standard input", errno);
    return std::make_unique<StandardInput>(shared_, std::move(fd), events);
  }
  const bool remote = address->kind == Address::Kind::tcp || address->kind == Address::Kind::tls;
  if (remote && (address->host.empty() || address->port == 0)) {
    return fail(Code::invalid, "to connect, host and port must be given: tcp://HOST:PORT");
  }
  if (address->kind == Address::Kind::tls) return connect_tls(*address, options, events);
  return dial(*address, options, events);
}

Result<std::unique_ptr<Stream>> LinuxNetwork::dial(const Address& address, const Options& options,
                                                   Stream::Events& events) {
  if (options.proxy.used() && address.kind == Address::Kind::tcp)
    return connect_proxied(address, options, events);
  auto stream = std::make_unique<DialledStream>(shared_, options, events);
  stream->dial(address);
  return stream;
}

Result<std::unique_ptr<Stream>> LinuxNetwork::connect_proxied(const Address& address,
                                                              const Options& options,
                                                              Stream::Events& events) {
  const auto proxy = parse_proxy(options.proxy.address);
  if (!proxy) return std::unexpected(proxy.error());
  Options below = options;
  below.proxy = {};
  const auto dial_proxy = [&](Stream::Events& inner) { return dial(*proxy, below, inner); };
  return ProxiedStream::connect(loop_,
                                {.proxy = options.proxy,
                                 .to = address,
                                 .answer = options.connect_timeout,
                                 .early_bytes_max = options.write_bytes_max},
                                dial_proxy, events);
}

Result<std::unique_ptr<Stream>> LinuxNetwork::connect_tls(const Address& address,
                                                          const Options& options,
                                                          Stream::Events& events) {
  tls::TlsStream::Options over{.host = address.host, .handshake = options.connect_timeout};
  const std::int64_t wall = LinuxClock().wall().ns / Duration::seconds(1).ns;
  over.judged_at = std::max(wall, time_floor_);
  auto credentials = keyring_.get(options.tls);
  if (credentials) {
    over.credentials = std::move(*credentials);
  } else {
    over.unloaded = std::move(credentials.error());
  }
  Address below = address;
  below.kind = Address::Kind::tcp;
  const auto dial_below = [&](Stream::Events& inner) { return dial(below, options, inner); };
  return tls::TlsStream::connect(loop_, over, dial_below, events);
}

Result<std::unique_ptr<Stream>> LinuxNetwork::connect_websocket(const std::string& text,
                                                                const Options& options,
                                                                Stream::Events& events) {
  const auto broker = parse_mqtt_broker(text);
  if (!broker) return std::unexpected(broker.error());
  if (broker->port == 0)
    return fail(Code::invalid, "to connect, host and port must be given: ws://HOST:PORT/PATH");
  const Address below{Address::Kind::tcp, broker->host, broker->port, {}};
  const auto dial_below = [&](Stream::Events& inner) {
    return broker->tls ? connect_tls(below, options, inner) : dial(below, options, inner);
  };
  return WebSocketStream::connect(loop_, entropy_,
                                  {.host = broker->authority,
                                   .path = broker->path,
                                   .handshake = options.connect_timeout,
                                   .early_bytes_max = options.write_bytes_max / 2},
                                  dial_below, events);
}

Result<std::unique_ptr<Listener>> LinuxNetwork::listen(const std::string& text,
                                                       const Options& options, OnAccept accepted) {
  const auto address = parse_address(text);
  if (!address) return std::unexpected(address.error());
  auto listening = listen_at(*address);
  if (!listening) return std::unexpected(listening.error());
  return std::make_unique<LinuxListener>(shared_, options, std::move(*listening),
                                         std::move(accepted));
}

std::string LinuxNetwork::interface_to(const std::string& address) const {
  if (const auto proxy = parse_proxy(address)) return interface_towards(proxy->host);
  const auto broker = parse_mqtt_broker(address);
  return broker ? interface_towards(broker->host) : std::string();
}

}  // namespace pinaflux
