// MqttTunnel: the way of one MqttClient through an HTTP proxy, dialled by us and then given to Paho.
//
// Promise    Paho never dials past it: while the tunnel is open, what Paho asks of that broker is this connection,
//            or nothing. What the environment says of proxies (http_proxy, https_proxy) counts for nothing.
// Order      open() -> done, once, from the loop: then Paho may connect. close() ends it at any time.
// Limits     MqttConnect::timeout in all: half for the connection to the proxy, half for its answer.
// Ownership  The Sockets outlive it. Once Paho has taken the connection it is Paho's.
// Threads    Loop; Paho's threads take the connection.
// Tests      tests/platform/linux_mqtt/proxy_client_test.cc
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "platform/linux/dialled_stream.h"
#include "platform/linux/fd.h"
#include "platform/linux/loop.h"
#include "platform/linux/mqtt_broker.h"
#include "platform/linux/names.h"
#include "platform/mqtt_client.h"

namespace pinaflux {

class MqttTunnel : private Stream::Events {
 public:
  // What the tunnels of a maker have in common.
  class Sockets {
   public:
    explicit Sockets(LinuxLoop& its) : loop(its), names(its.base()) {}
    LinuxLoop& loop;
    Names names;
    std::array<std::uint8_t, 4096> scratch{};
    SocketStream::Shared shared{loop.base(), &names, scratch};
  };
  using Done = std::function<void(const std::string& why)>;  // Empty: it stands.

  explicit MqttTunnel(Sockets& sockets) : sockets_(sockets) {}
  ~MqttTunnel() override { close(); }
  MqttTunnel(const MqttTunnel&) = delete;
  MqttTunnel& operator=(const MqttTunnel&) = delete;

  // Errors in the proxy's address only.
  Status open(const MqttConnect& options, const MqttBroker& broker, Done done);
  void close();

 private:
  void connected() override;
  void bytes(Bytes) override {}
  void closed(Error reason) override;

  Sockets& sockets_;
  Done done_;
  std::string key_;  // Of the broker; empty: closed.
  std::unique_ptr<Stream> stream_;
  DialledStream* dialled_ = nullptr;  // Below stream_.
};

// The tunnel to that host and port, for the socket that this thread connects while this lives: Paho's next one.
class TunnelTaken {
 public:
  TunnelTaken(std::string_view host, int port);
  ~TunnelTaken();
  TunnelTaken(const TunnelTaken&) = delete;
  TunnelTaken& operator=(const TunnelTaken&) = delete;

  explicit operator bool() const { return bool(fd_); }
  bool lost() const { return lost_; }  // One was opened, and stands no more.
  // In place of connect(): the errno of an attempt that is under way, or has failed. Empty: no tunnel is taken.
  static std::optional<int> connect(int socket);

 private:
  Fd fd_;
  bool lost_ = false;
};

}  // namespace pinaflux
