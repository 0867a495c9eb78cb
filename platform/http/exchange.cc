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
  head_ = AnswerHead();
  answering_ = head_done_ = false;
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
  answering_ = true;
  while (state_ == State::asked && !bytes.empty()) {
    if (!head_done_ && !take_head(bytes)) return;
    if (!take_body(bytes)) return;
    if (to_the_end_) continue;
    // What came behind the answer was not asked for.
    if (!bytes.empty())
      return fail_with("the server at " + address_ + " answers more than it was asked");
    return conclude();
  }
}

bool HttpExchange::take_head(Bytes& bytes) {
  for (;;) {
    switch (head_.take(bytes)) {
      case AnswerHead::Step::more: return false;
      case AnswerHead::Step::done: break;
      case AnswerHead::Step::not_http:
        fail_with("what answers at " + address_ + " is no HTTP server: check address and port");
        return false;
      case AnswerHead::Step::too_long:
        fail_with("the answer of " + address_ + " has no end of its headers");
        return false;
    }
    if (head_.status() >= 200) break;
    // 100 Continue and the like: the answer follows.
    head_ = AnswerHead();
    if (++interim_ <= kInterimMax) continue;
    fail_with("the server at " + address_ + " does not come to its answer");
    return false;
  }
  head_done_ = true;
  if (understand_head()) return true;
  fail_with("the answer of " + address_ +
            " is malformed, or longer than anything that it could say");
  return false;
}

bool HttpExchange::understand_head() {
  const std::string_view coding = head_.header("Transfer-Encoding"),
                         length = head_.header("Content-Length");
  const bool bodiless = head_.status() == 204 || head_.status() == 304;
  chunked_ = !bodiless && !coding.empty();
  to_the_end_ = !bodiless && coding.empty() && length.empty();
  body_bytes_ = 0;
  if (!coding.empty() && (!equal_ignoring_case(coding, "chunked") || !length.empty())) return false;
  if (length.empty()) return true;
  const auto bytes = parse_integer<std::uint64_t>(length);
  if (!bytes || *bytes > options_.body_bytes_max) return false;
  if (!bodiless) body_bytes_ = *bytes;
  return true;
}

// True: it is whole.
bool HttpExchange::take_body(Bytes& bytes) {
  const auto too_long = [&](std::size_t more) {
    return body_.size() + more > options_.body_bytes_max;
  };
  if (chunked_) {
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
      to_the_end_ ? bytes.size() : static_cast<std::size_t>(body_bytes_) - body_.size();
  const Bytes piece = bytes.first(std::min(bytes.size(), left));
  bytes = bytes.subspan(piece.size());
  if (too_long(piece.size())) {
    fail_with("the answer of " + address_ + " is longer than anything that it could say");
    return false;
  }
  append(body_, piece);
  return to_the_end_ || piece.size() == left;
}

void HttpExchange::conclude() {
  patience_->stop();
  ++answers_;
  const Answer answer{.status = head_.status(),
                      .content_type = std::string(head_.header("Content-Type")),
                      .retry_after = std::string(head_.header("Retry-After")),
                      .body = std::exchange(body_, {})};
  const bool goes_on = !head_.lists("Connection", "close") && !to_the_end_;
  state_ = goes_on ? State::ready : State::ended;
  if (!goes_on) stream_.reset();
  events_.answered(*this, answer);
}

void HttpExchange::closed(Error reason) {
  if (state_ == State::ended) return;
  if (state_ == State::asked && head_done_ && to_the_end_) return conclude();
  given_up_ = state_ == State::asked && !answering_;
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
