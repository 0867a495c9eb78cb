#include "agent/collector/http_poster.h"

#include <utility>

namespace pinaflux {

namespace {

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
  // A server may have ended a connection that nobody used.
  const bool used = exchange_ != nullptr && exchange_->ready();
  Status asked = try_once();
  if (!asked && used) asked = try_once();
  if (!asked) {
    why = why_;
    return std::unexpected(asked.error());
  }
  return std::move(answer_);
}

Status HttpPoster::try_once() {
  done_ = false;
  why_.clear();
  if (exchange_ == nullptr || !exchange_->ready()) {
    HttpExchange::Options options;
    options.network.write_bytes_max = kWriteBytesMax;
    options.network.tls = options_.tls;
    options.answer_max = options_.answer_max;
    HttpExchange::Events& events = *this;
    exchange_ =
        std::make_unique<HttpExchange>(network_, loop_, options_.url.address, options, events);
    if (Status s = exchange_->dial(); !s) {
      why_ = s.error().what;
      return s;
    }
  } else {
    exchange_->ask(request_);
  }
  if (!done_ && why_.empty()) loop_.run([] { return false; });
  if (done_) return {};
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
