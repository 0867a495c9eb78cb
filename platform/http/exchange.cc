#include "platform/http/exchange.h"

#include <algorithm>
#include <utility>

#include "platform/base/assert.h"
#include "platform/base/text.h"

namespace pinaflux {

HttpExchange::HttpExchange(Network& network, Loop& loop, std::string address,
                           const Options& options, Events& events)
    : network_(network),
      address_(std::move(address)),
      options_(options),
      events_(events),
      patience_(loop.timer([this] { late(); })) {}

HttpExchange::~HttpExchange() = default;

Status HttpExchange::dial() {
  auto stream = network_.connect(address_, options_.network, *this);
  if (!stream) return std::unexpected(stream.error());
  stream_ = std::move(*stream);
  return {};
}

void HttpExchange::connected() {
  state_ = State::ready;
  events_.connected(*this);
}

void HttpExchange::ask(Bytes request) {
  ASSERT(ready());
  state_ = State::asked;
  head_ = HttpHead();
  head_done_ = false;
  chunks_ = HttpChunks();
  body_.clear();
  interim_ = 0;
  patience_->start(options_.answer_max);
  // A request is bounded by the uplink's messages, and nothing else is queued.
  if (!stream_->write(request)) patience_->start(Duration{});
}

void HttpExchange::bytes(Bytes bytes) {
  if (state_ == State::ended) return;
  if (state_ != State::asked) return fail_with("the server at " + address_ + " speaks unasked");
  while (state_ == State::asked && !bytes.empty()) {
    if (!head_done_ && !take_head(bytes)) return;
    if (!take_body(bytes)) return;
    if (head_.to_the_end) continue;
    // What came behind the answer was not asked for.
    if (!bytes.empty())
      return fail_with("the server at " + address_ + " answers more than it was asked");
    return conclude();
  }
}

bool HttpExchange::take_head(Bytes& bytes) {
  std::string& text = head_.text;
  const std::size_t known = text.size();
  const std::size_t room = options_.head_bytes_max - std::min(known, options_.head_bytes_max);
  text += as_text(bytes.first(std::min(bytes.size(), room)));
  const std::size_t from = known < 3 ? 0 : known - 3;
  const std::size_t end = http_head_end(std::string_view(text).substr(from));
  constexpr std::string_view kBegin = "HTTP/1.";
  const bool foreign = !text.starts_with(kBegin.substr(0, std::min(text.size(), kBegin.size())));
  if (end == 0 && !foreign) {
    if (bytes.size() >= room) fail_with("the answer of " + address_ + " has no end of its headers");
    return false;
  }
  text.resize(from + end);
  bytes = bytes.subspan(text.size() - known);
  if (!head_.parse_answer()) {
    fail_with("what answers at " + address_ + " is no HTTP server: check address and port");
    return false;
  }
  if (head_.status < 200 && ++interim_ <= kInterimMax) {
    head_ = HttpHead();
    return !bytes.empty() && take_head(bytes);
  }
  head_done_ = true;
  if (head_.body_bytes <= options_.body_bytes_max) return true;
  fail_with("the answer of " + address_ + " is longer than anything that it could say");
  return false;
}

// True: it is whole.
bool HttpExchange::take_body(Bytes& bytes) {
  const auto too_long = [&](std::size_t more) {
    return body_.size() + more > options_.body_bytes_max;
  };
  if (head_.chunked) {
    while (chunks_.state() != HttpChunks::State::done) {
      const Bytes piece = chunks_.next(bytes);
      if (chunks_.state() == HttpChunks::State::bad || too_long(piece.size())) {
        fail_with("the answer of " + address_ + " is malformed or too long");
        return false;
      }
      append(body_, piece);
      if (piece.empty() && chunks_.state() != HttpChunks::State::done) return false;
    }
    return true;
  }
  const std::size_t left =
      head_.to_the_end ? bytes.size() : static_cast<std::size_t>(head_.body_bytes) - body_.size();
  const Bytes piece = bytes.first(std::min(bytes.size(), left));
  bytes = bytes.subspan(piece.size());
  if (too_long(piece.size())) {
    fail_with("the answer of " + address_ + " is longer than anything that it could say");
    return false;
  }
  append(body_, piece);
  return head_.to_the_end || piece.size() == left;
}

void HttpExchange::conclude() {
  patience_->stop();
  ++answers_;
  const Answer answer{.status = head_.status,
                      .content_type = std::string(head_.header("Content-Type")),
                      .retry_after = std::string(head_.header("Retry-After")),
                      .body = std::exchange(body_, {})};
  const bool goes_on = head_.keep_alive && !head_.to_the_end;
  state_ = goes_on ? State::ready : State::ended;
  if (!goes_on) stream_.reset();
  events_.answered(*this, answer);
}

void HttpExchange::closed(Error reason) {
  if (state_ == State::ended) return;
  if (state_ == State::asked && head_done_ && head_.to_the_end) return conclude();
  const std::string why = stream_->why();
  if (!why.empty()) return fail_with(why);
  fail_with(address_ + ": " + (reason.what != nullptr ? reason.what : "the connection broke"));
}

void HttpExchange::abandon() {
  state_ = State::ended;
  patience_->stop();
  stream_.reset();
}

void HttpExchange::late() {
  fail_with("the server at " + address_ + " does not answer: check that it works, and the network");
}

void HttpExchange::fail_with(const std::string& why) {
  state_ = State::ended;
  patience_->stop();
  events_.failed(*this, why);
}

}  // namespace pinaflux
