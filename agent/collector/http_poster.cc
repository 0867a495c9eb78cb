#include "agent/collector/http_poster.h"

#include <utility>

namespace pinaflux {

namespace {

constexpr Duration kConnectMax = Duration::seconds(10);
constexpr std::size_t kAnswerBytesMax =
    32 * 1024 * 1024;  // InfluxDB repeats the lines that it refuses.
constexpr std::size_t kWriteBytesMax = 16 * 1024 * 1024;  // The text of the longest row, and more.

}  // namespace

Result<Poster::Answer> HttpPoster::post(std::string_view body, std::string& why) {
  std::string head = "POST " + options_.url.target +
                     " HTTP/1.1\r\nHost: " + options_.url.authority +
                     "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " +
                     std::to_string(body.size()) + "\r\n";
  if (!options_.authorization.empty()) head += "Authorization: " + options_.authorization + "\r\n";
  return ask(head, body, why);
}

Result<Poster::Answer> HttpPoster::get(std::string& why) {
  return ask("GET " + options_.url.target + " HTTP/1.1\r\nHost: " + options_.url.authority + "\r\n",
             {}, why);
}

Result<Poster::Answer> HttpPoster::ask(const std::string& head, std::string_view body,
                                       std::string& why) {
  request_.clear();
  append(request_, head + "\r\n");
  append(request_, body);
  hear();
  Status asked = try_once();
  // A server may have ended a connection that nobody used just now.
  if (!asked && given_up_) asked = try_once();
  if (!asked) {
    why = why_;
    return std::unexpected(asked.error());
  }
  return std::move(answer_);
}

// What has come of a connection since it was used: its end, or what nobody asked for.
void HttpPoster::hear() {
  if (exchange_ == nullptr) return;
  loop_.post([this] { loop_.stop(); });
  loop_.run([] { return false; });
  if (!exchange_->ready()) exchange_.reset();
}

Status HttpPoster::try_once() {
  done_ = given_up_ = false;
  why_.clear();
  if (exchange_ == nullptr || !exchange_->ready()) {
    HttpExchange::Options options;
    options.network.write_bytes_max = kWriteBytesMax;
    options.network.tls = options_.tls;
    options.network.connect_timeout = kConnectMax;
    options.answer_max = options_.answer_max;
    options.body_bytes_max = kAnswerBytesMax;
    HttpExchange::Events& events = *this;
    exchange_ =
        std::make_unique<HttpExchange>(network_, loop_, options_.url.address, options, events);
    if (Status s = exchange_->dial(); !s) {
      why_ = s.error().what;
      exchange_.reset();
      return s;
    }
  } else {
    exchange_->ask(request_);
  }
  while (!done_ && why_.empty()) loop_.run([] { return false; });
  if (done_) return {};
  given_up_ = exchange_->given_up();
  exchange_.reset();
  return fail(Code::io, "the database for line protocol does not answer");
}

void HttpPoster::connected(HttpExchange& exchange) { exchange.ask(request_); }

void HttpPoster::answered(HttpExchange&, const HttpExchange::Answer& answer) {
  answer_ = {answer.status, std::string(as_text(answer.body))};
  done_ = true;
  loop_.stop();
}

void HttpPoster::failed(HttpExchange&, const std::string& why) {
  why_ = why.empty() ? "the server does not answer" : why;
  loop_.stop();
}

}  // namespace pinaflux
