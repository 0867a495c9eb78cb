// StreamHttpServers: HTTP servers over any Network, so the simulator can serve with the same code.
//
// Ownership  Network and Loop must outlive it and its servers. A server is not destroyed from
//            inside its own handler.
// Threads    Loop.
// Tests      tests/platform/http_contract.h
#pragma once

#include "platform/http_server.h"
#include "platform/loop.h"
#include "platform/network.h"

namespace pinaflux {

class StreamHttpServers final : public HttpServers {
 public:
  StreamHttpServers(Network& network, Loop& loop) : network_(network), loop_(loop) {}

  Result<std::unique_ptr<HttpServer>> listen(const std::string& address,
                                             const HttpServer::Options& options,
                                             HttpHandler handler,
                                             std::function<void(std::uint64_t)> gone) override;

 private:
  Network& network_;
  Loop& loop_;
};

}  // namespace pinaflux
