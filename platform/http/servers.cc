#include "platform/http/servers.h"

#include <unordered_map>
#include <vector>

#include "platform/http/connection.h"

namespace pinaflux {

namespace {

constexpr std::size_t kAnswerBytesMax = 16 * 1024 * 1024;
constexpr std::size_t kRefusedMax =
    16;  // Connections beyond the limit that are told so at one time.

class StreamHttpServer final : public HttpServer, public HttpConnection::Owner {
 public:
  StreamHttpServer(Loop& loop, const Options& options, HttpHandler handler,
                   std::function<void(std::uint64_t)> gone)
      : loop_(loop), options_(options), handler_(std::move(handler)), gone_(std::move(gone)) {}

  Status listen(Network& network, const std::string& address) {
    Network::Options its;
    its.write_bytes_max = kAnswerBytesMax;
    auto listener = network.listen(address, its, [this](Network::Accepted& a) { accepted(a); });
    if (!listener) return std::unexpected(listener.error());
    listener_ = std::move(*listener);
    return {};
  }

  std::string address() const override { return listener_->address(); }

  void answer(std::uint64_t request_id, const HttpAnswer& given) override {
    const auto found = asking_.find(request_id);
    if (found == asking_.end()) return;
    HttpConnection& connection = *found->second;
    asking_.erase(found);
    connection.answer(given);
  }

 private:
  void accepted(Network::Accepted& accepted) {
    const std::size_t count = connections_.size();
    if (count >= options_.connections_max + kRefusedMax) return;
    auto connection = std::make_unique<HttpConnection>(*this, options_, loop_);
    connection->accept(accepted);
    HttpConnection& its = *connection;
    connections_.emplace(&its, std::move(connection));
    if (count >= options_.connections_max) its.refuse({503, "too many connections: try again"});
  }

  bool grow(std::size_t from, std::size_t to) override {
    if (from == to) return body_bytes_ <= options_.bodies_bytes_max / 2;
    if (to > from && body_bytes_ - from + to > options_.bodies_bytes_max) return false;
    body_bytes_ = body_bytes_ - from + to;
    return true;
  }

  void asked(HttpConnection& connection, HttpRequest& request) override {
    request.id = ++last_id_;
    asking_.emplace(request.id, &connection);
    handler_(request);
  }

  void left(HttpConnection& connection) override {
    const std::uint64_t id = connection.request_id();
    const bool waited = asking_.erase(id) > 0;
    connections_.erase(&connection);
    if (waited && gone_) gone_(id);
  }

  Loop& loop_;
  const Options options_;
  const HttpHandler handler_;
  const std::function<void(std::uint64_t)> gone_;
  std::uint64_t last_id_ = 0;
  std::size_t body_bytes_ = 0;
  std::unordered_map<std::uint64_t, HttpConnection*> asking_;
  std::unordered_map<HttpConnection*, std::unique_ptr<HttpConnection>> connections_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> StreamHttpServers::listen(
    const std::string& address, const HttpServer::Options& options, HttpHandler handler,
    std::function<void(std::uint64_t)> gone) {
  auto server =
      std::make_unique<StreamHttpServer>(loop_, options, std::move(handler), std::move(gone));
  if (auto listening = server->listen(network_, address); !listening) {
    return std::unexpected(listening.error());
  }
  return server;
}

}  // namespace pinaflux
