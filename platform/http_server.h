// HttpServer: requests in, answers out, later if wanted.
//
// Limits     Options; a body or header beyond them is answered 413 / 431 before the handler sees
//            it.
// Ownership  A Request lives until it is answered or its connection closes: `closed()` of the
//            handler says so. Answer by id: answering a request that is gone does nothing.
// Threads    Loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/base/bytes.h"
#include "platform/base/result.h"
#include "platform/base/time.h"

namespace pinaflux {

struct HttpRequest {
  std::uint64_t id = 0;     // Never reused.
  std::string_view method;  // "GET", "POST", "PUT", "DELETE", "HEAD", other methods: 405.
  std::string_view path;    // Percent-decoded, without the query.
  std::string_view query;   // As sent.
  Bytes body;
  std::string_view peer;                                          // Its address and port.
  std::function<std::string_view(std::string_view name)> header;  // Empty when absent.
};

struct HttpAnswer {
  int status = 200;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

class HttpServer {
 public:
  struct Options {
    std::size_t body_bytes_max = 8 * 1024 * 1024;
    std::size_t header_bytes_max = 16 * 1024;
    std::size_t bodies_bytes_max = 32 * 1024 * 1024;  // Of all connections: beyond it, 503.
    std::size_t connections_max = 256;                // Beyond it, 503.
    Duration idle_max = Duration::seconds(60);
  };

  virtual ~HttpServer() = default;
  virtual std::string address() const = 0;  // "tcp://127.0.0.1:8080", with the real port.
  virtual void answer(std::uint64_t request_id, const HttpAnswer& answer) = 0;
};

// The views inside the request die when the handler returns; the id lives on.
using HttpHandler = std::function<void(const HttpRequest&)>;

class HttpServers {
 public:
  virtual ~HttpServers() = default;
  // `gone` (may be empty) tells of a request whose peer left before the answer.
  virtual Result<std::unique_ptr<HttpServer>> listen(const std::string& address,
                                                     const HttpServer::Options& options,
                                                     HttpHandler handler,
                                                     std::function<void(std::uint64_t)> gone) = 0;
};

// The value of a key in a query string, percent-decoded; empty when absent.
std::string query_value(std::string_view query, std::string_view key);
// Appends; false at a broken escape or at %00. `form`: '+' is a space.
bool percent_decode(std::string_view text, bool form, std::string& to);

}  // namespace pinaflux
