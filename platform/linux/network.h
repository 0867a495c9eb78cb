// Network of this machine: sockets on the loop.
//
// Ownership  The loop must outlive it; it must outlive its streams and listeners.
// Threads    Loop.
// Tests      tests/platform/linux/network_test.cc
#pragma once

#include <memory>

#include "platform/linux/loop.h"
#include "platform/linux/names.h"
#include "platform/linux/socket_stream.h"
#include "platform/network.h"

namespace pinaflux {

class LinuxNetwork final : public Network {
 public:
  explicit LinuxNetwork(LinuxLoop& loop);

  Result<std::unique_ptr<Stream>> connect(const std::string& address, const Options& options,
                                          Stream::Events& events) override;
  Result<std::unique_ptr<Listener>> listen(const std::string& address, const Options& options,
                                           OnAccept accepted) override;

 private:
  Buffer scratch_;
  Names names_;
  SocketStream::Shared shared_;
};

}  // namespace pinaflux
