#include "platform/http/connection.h"

#include <algorithm>
#include <utility>

#include "platform/base/assert.h"
#include "platform/base/text.h"

// Our own reader of requests and not libevent's evhttp (2.1.12): there a client that sends the next
// request while an answer is due, with reading enabled to notice that it left, ends the whole
// process ("illegal connection state"); a body or header that is too large is answered 400 or 0
// with a page of HTML; and a body is copied twice. Here a body is copied once, from the read block
// into memory that the connection keeps for the next one.

namespace pinaflux {

namespace {

constexpr std::size_t kAheadBytesMax = 64 * 1024;        // Beyond, the client waits in its socket.
constexpr std::size_t kBodyBytesKept = 2 * 1024 * 1024;  // Between requests.
constexpr std::size_t kBodyBytesFirst = 16 * 1024;

// A value must not end its line: what would is a bug, and is made harmless.
void append_line(std::string& to, std::string_view name, std::string_view value) {
  to += name;
  to += ": ";
  for (const char c : value) to.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
  to += "\r\n";
}

HttpAnswer refusing(const HttpRefusal& refusal) {
  HttpAnswer answer{refusal.status, std::string(refusal.why) + "\n", {}};
  if (refusal.status == 405) answer.headers.emplace_back("Allow", "GET, HEAD, POST, PUT, DELETE");
  if (refusal.status == 503) answer.headers.emplace_back("Retry-After", "1");
  return answer;
}

}  // namespace

HttpConnection::HttpConnection(Owner& owner, const HttpServer::Options& options, Loop& loop)
    : owner_(owner),
      options_(options),
      waiting_(loop.timer([this] { waited(); })),
      resumed_(loop.timer([this] { resume(); })) {}

HttpConnection::~HttpConnection() { release_body(0); }

void HttpConnection::accept(Network::Accepted& accepted) {
  peer_ = accepted.peer();
  stream_ = accepted.with(*this);
  waiting_->start(options_.idle_max);
}

void HttpConnection::bytes(Bytes bytes) {
  if (state_ == State::finished) return;
  if (state_ == State::asked || !ahead_.empty()) {
    append(ahead_, bytes);
    if (ahead_.size() >= kAheadBytesMax) stream_->pause(true);
    return;
  }
  take(bytes);
}

void HttpConnection::take(Bytes bytes) {
  taking_ = true;
  while (!bytes.empty() && (state_ == State::head || state_ == State::body)) {
    if (state_ == State::head) take_head(bytes);
    if (state_ == State::body) take_body(bytes);
  }
  taking_ = false;
  if (state_ != State::finished) append(ahead_, bytes);
}

void HttpConnection::take_head(Bytes& bytes) {
  std::string& text = head_.text;
  // An empty line before a request is forgiven (RFC 9112 section 2.2).
  while (text.empty() && !bytes.empty() && (bytes[0] == '\r' || bytes[0] == '\n'))
    bytes = bytes.subspan(1);
  const std::size_t known = text.size();
  if (known == 0 && !bytes.empty()) waiting_->start(options_.idle_max);
  const std::size_t room = options_.header_bytes_max - std::min(known, options_.header_bytes_max);
  text += as_text(bytes.first(std::min(bytes.size(), room)));
  // The end may have begun in what was there before.
  const std::size_t from = known < 3 ? 0 : known - 3;
  const std::size_t end = http_head_end(std::string_view(text).substr(from));
  if (end == 0) {
    if (bytes.size() >= room) return refuse({431, "the headers are longer than allowed"});
    bytes = {};
    return;
  }
  text.resize(from + end);
  bytes = bytes.subspan(text.size() - known);
  const HttpRefusal refusal = head_.parse();
  if (refusal.status != 0) return refuse(refusal);
  begin_body();
}

void HttpConnection::begin_body() {
  if (head_.body_bytes > options_.body_bytes_max) {
    return refuse({413, "the body is longer than allowed: send it in smaller parts"});
  }
  state_ = State::body;
  if (head_.expects_continue && (head_.chunked || head_.body_bytes > 0)) {
    (void)stream_->write(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
  }
  if (!head_.chunked && head_.body_bytes == 0) return ask();
  waiting_->start(options_.idle_max);
}

void HttpConnection::take_body(Bytes& bytes) {
  if (head_.chunked) {
    while (state_ == State::body) {
      const Bytes piece = chunks_.next(bytes);
      if (chunks_.state() == HttpChunks::State::bad)
        return refuse({400, "the chunks of the body are malformed"});
      if (piece.empty()) break;
      if (!append_body(piece)) return;
    }
    if (chunks_.state() == HttpChunks::State::done) return ask();
  } else {
    const std::size_t left = static_cast<std::size_t>(head_.body_bytes) - body_.size();
    const Bytes piece = bytes.first(std::min(bytes.size(), left));
    bytes = bytes.subspan(piece.size());
    if (!append_body(piece)) return;
    if (piece.size() == left) return ask();
  }
  waiting_->start(options_.idle_max);
}

bool HttpConnection::append_body(Bytes piece) {
  const std::size_t needed = body_.size() + piece.size();
  if (needed > options_.body_bytes_max) {
    refuse({413, "the body is longer than allowed: send it in smaller parts"});
    return false;
  }
  if (needed > body_.capacity()) {
    // Memory follows what has come, not what was announced.
    std::size_t wanted = std::max({needed, body_.capacity() * 2, kBodyBytesFirst});
    const auto announced = static_cast<std::size_t>(head_.body_bytes);
    if (!head_.chunked) wanted = std::min(wanted, std::max(announced, needed));
    if (!owner_.grow(body_.capacity(), wanted)) {
      refuse({503, "too many requests at once: try again"});
      return false;
    }
    Buffer larger;
    larger.reserve(wanted);
    ASSERT(larger.capacity() == wanted);
    append(larger, body_);
    body_.swap(larger);
    wipe(larger);
  }
  append(body_, piece);
  return true;
}

void HttpConnection::ask() {
  state_ = State::asked;
  waiting_->stop();
  HttpRequest request;
  request.method = head_.method;
  request.path = head_.path;
  request.query = head_.query;
  request.body = body_;
  request.peer = peer_;
  request.header = [this](std::string_view name) { return head_.header(name); };
  owner_.asked(*this, request);
  if (state_ == State::asked) request_id_ = request.id;
}

void HttpConnection::refuse(const HttpRefusal& refusal) { send(refusing(refusal), true); }

void HttpConnection::answer(const HttpAnswer& given) {
  ASSERT(state_ == State::asked);
  send(given, !head_.keep_alive);
  if (state_ == State::finished) return;
  next_request();
}

void HttpConnection::send(const HttpAnswer& given, bool close) {
  std::string text = "HTTP/1.1 ";
  append_integer(text, given.status);
  text += ' ';
  text += http_phrase(given.status);
  text += "\r\n";
  bool typed = given.body.empty();
  for (const auto& [name, value] : given.headers) {
    typed = typed || equal_ignoring_case(name, "Content-Type");
    append_line(text, name, value);
  }
  if (!typed) append_line(text, "Content-Type", "text/plain; charset=utf-8");
  if (close) append_line(text, "Connection", "close");
  if (!close && !head_.modern) append_line(text, "Connection", "keep-alive");
  const bool bodiless = given.status == 204 || given.status == 304;
  if (!bodiless) append_line(text, "Content-Length", std::to_string(given.body.size()));
  text += "\r\n";
  if (!bodiless && head_.method != "HEAD") text += given.body;
  // A client that does not read what it asked for is not waited for.
  const bool sent = stream_->write(as_bytes(text));
  request_id_ = 0;
  if (sent && !close) return;
  state_ = State::finished;
  waiting_->stop();
  stream_->finish();
}

void HttpConnection::next_request() {
  state_ = State::head;
  head_ = HttpHead();
  chunks_ = HttpChunks();
  release_body(kBodyBytesKept);
  waiting_->start(options_.idle_max);
  // Not from inside the owner's call: the next request is taken by the loop.
  if (!taking_ && !ahead_.empty()) resumed_->start(Duration{0});
}

void HttpConnection::release_body(std::size_t keep) {
  wipe(body_);
  body_.clear();
  // Growing by nothing asks whether there is memory to spare.
  if (body_.capacity() <= keep && owner_.grow(0, 0)) return;
  owner_.grow(body_.capacity(), 0);
  Buffer().swap(body_);
}

void HttpConnection::resume() {
  if (state_ != State::head) return;
  const Buffer bytes = std::exchange(ahead_, {});
  take(bytes);
  if (state_ != State::finished && ahead_.size() < kAheadBytesMax) stream_->pause(false);
}

void HttpConnection::waited() {
  if (state_ == State::head && head_.text.empty()) {
    state_ = State::finished;
    return stream_->finish();
  }
  refuse({408, "the rest of the request did not come in time"});
}

void HttpConnection::closed(Error) {
  waiting_->stop();
  resumed_->stop();
  owner_.left(*this);
}

}  // namespace pinaflux
