// HttpPoster: posts text to a server, and waits for its answer on a loop of its own.
//
// Limits     Options::answer_max for connecting and again for the answer.
// Ownership  Network and Loop must outlive it, and are nobody else's.
// Threads    Any, one at a time.
// Tests      tests/collector/influx
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "agent/collector/line_sink.h"
#include "platform/http/exchange.h"
#include "platform/http/url.h"
#include "platform/loop.h"
#include "platform/network.h"

namespace pinaflux {

class HttpPoster final : public Poster, private HttpExchange::Events {
 public:
  struct Options {
    HttpUrl url;
    std::string authorization = {};  // The header's value; empty: none.
    tls::Options tls = {};
    Duration answer_max = Duration::seconds(15);
  };

  HttpPoster(Network& network, Loop& loop, Options options)
      : network_(network), loop_(loop), options_(std::move(options)) {}

  Result<Answer> post(std::string_view body, std::string& why) override;
  Result<Answer> get(std::string& why);

 private:
  void connected(HttpExchange& exchange) override;
  void answered(HttpExchange& exchange, const HttpExchange::Answer& answer) override;
  void failed(HttpExchange& exchange, const std::string& why) override;
  Result<Answer> ask(const std::string& head, std::string_view body, std::string& why);
  Status try_once();
  void hear();

  Network& network_;
  Loop& loop_;
  const Options options_;
  std::unique_ptr<HttpExchange> exchange_;
  Buffer request_;
  Answer answer_;
  bool done_ = false;
  bool given_up_ = false;  // By the server, before anything of an answer came.
  std::string why_;
};

}  // namespace pinaflux
