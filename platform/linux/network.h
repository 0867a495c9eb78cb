// Network of this machine: sockets on the loop.
//
// Certificates are judged by the later of the wall clock and the time floor. PEM files are read again when they
// have changed: a certificate that was renewed counts from the next connection on.
//
// Ownership  The loop must outlive it; it must outlive its streams and listeners.
// Threads    Loop.
// Tests      tests/platform/linux/network_test.cc
#pragma once

#include <algorithm>
#include <memory>

#include "platform/linux/entropy.h"
#include "platform/linux/files.h"
#include "platform/linux/loop.h"
#include "platform/linux/names.h"
#include "platform/linux/socket_stream.h"
#include "platform/network.h"
#include "platform/tls/keyring.h"

namespace pinaflux {

class LinuxNetwork final : public Network {
 public:
  explicit LinuxNetwork(LinuxLoop& loop);
  // Rises only; seconds since 1970.
  void raise_time_floor(std::int64_t to) { time_floor_ = std::max(time_floor_, to); }

  Result<std::unique_ptr<Stream>> connect(const std::string& address, const Options& options,
                                          Stream::Events& events) override;
  Result<std::unique_ptr<Listener>> listen(const std::string& address, const Options& options,
                                           OnAccept accepted) override;
  std::string interface_to(const std::string& address) const override;

 private:
  // As connect(), layer upon layer.
  Result<std::unique_ptr<Stream>> dial(const Address& address, const Options& options,
                                       Stream::Events& events);
  Result<std::unique_ptr<Stream>> connect_proxied(const Address& address, const Options& options,
                                                  Stream::Events& events);
  Result<std::unique_ptr<Stream>> connect_tls(const Address& address, const Options& options,
                                              Stream::Events& events);
  Result<std::unique_ptr<Stream>> connect_websocket(const std::string& address,
                                                    const Options& options, Stream::Events& events);

  LinuxLoop& loop_;
  std::int64_t time_floor_ = 0;
  LinuxFiles files_;
  LinuxEntropy entropy_;
  tls::Keyring keyring_;
  Buffer scratch_;
  Names names_;
  SocketStream::Shared shared_;
};

}  // namespace pinaflux
