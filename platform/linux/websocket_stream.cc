// The handshake, over a connection that may be encrypted:
//
//   GET /mqtt HTTP/1.1                                       ->
//   Host: broker.example:443
//   Upgrade: websocket
//   Connection: Upgrade
//   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
//   Sec-WebSocket-Version: 13
//   Sec-WebSocket-Protocol: mqtt
//                                                            <-   HTTP/1.1 101 Switching Protocols
//                                                                 Upgrade: websocket
//                                                                 Connection: Upgrade
//                                                                 Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
//                                                                 Sec-WebSocket-Protocol: mqtt
//
// The accepted key is the SHA-1 of ours and of a text that no other protocol knows.

#include "platform/linux/websocket_stream.h"

#include <array>
#include <tuple>
#include <utility>

#include "platform/base/text.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace {

constexpr std::string_view kAcceptSalt = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr int kSwitching = 101;
constexpr int kNormalEnd = 1000, kProtocolError = 1002;

std::string accepted_key(const std::string& key) {
  return crypto::base64(crypto::sha1(as_bytes(key + std::string(kAcceptSalt))));
}

}  // namespace

Result<std::unique_ptr<WebSocketStream>> WebSocketStream::connect(Loop& loop, Entropy& entropy,
                                                                  const Options& options,
                                                                  const Dial& dial,
                                                                  Stream::Events& events) {
  std::unique_ptr<WebSocketStream> stream(new WebSocketStream(loop, entropy, options, events));
  auto inner = dial(static_cast<Stream::Events&>(*stream));
  if (!inner) return std::unexpected(inner.error());
  stream->inner_ = std::move(*inner);
  return stream;
}

WebSocketStream::WebSocketStream(Loop& loop, Entropy& entropy, const Options& options,
                                 Stream::Events& events)
    : options_(options),
      events_(events),
      entropy_(entropy),
      timer_(loop.timer([this] {
        end_with(Code::timeout,
                 "does not answer in time: check whether its port speaks HTTP, and the network");
      })),
      early_(options.early_bytes_max) {}

void WebSocketStream::connected() {
  carried_ = true;
  timer_->start(options_.handshake);
  std::array<std::uint8_t, 16> random{};
  entropy_.fill(random);
  key_ = crypto::base64(random);
  const std::string request = joined(
      {"GET ", options_.path.empty() ? "/" : options_.path, " HTTP/1.1\r\nHost: ", options_.host,
       "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ", key_,
       "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"});
  if (!inner_->write(as_bytes(request)))
    end_with(Code::invalid, "cannot be asked: the path of its address is too long");
}

void WebSocketStream::bytes(Bytes bytes) {
  if (ready_) return read(bytes);
  switch (answer_.take(bytes)) {
    case AnswerHead::Step::more: return;
    case AnswerHead::Step::done: break;
    case AnswerHead::Step::not_http:
      return end_with(Code::refused,
                      "does not speak HTTP: check address and port, and whether it wants TLS "
                      "(wss://) or WebSocket at all");
    case AnswerHead::Step::too_long:
      return end_with(Code::refused, "answers without an end: check what listens there");
  }
  timer_->stop();
  if (const std::string wrong = wrong_answer(); !wrong.empty())
    return end_with(Code::refused, wrong);
  if (stand() && !bytes.empty()) read(bytes);
}

std::string WebSocketStream::wrong_answer() const {
  const std::string reason = answer_.reason();
  switch (answer_.status()) {
    case kSwitching: break;
    case 401:
    case 403:
      return joined({"does not let us in (", reason, "): allow WebSocket there, see its log"});
    case 404:
      return joined({"has no such path (", reason, "): check the path of the broker's address"});
    default:
      return joined({"does not speak WebSocket (", reason,
                     "): check port and path, and whether it wants TLS"});
  }
  const std::string_view protocol = answer_.header("Sec-WebSocket-Protocol");
  if (!protocol.empty() && protocol != "mqtt")
    return "speaks another protocol over WebSocket: check port and path";
  if (!equal_ignoring_case(answer_.header("Upgrade"), "websocket") ||
      !answer_.lists("Connection", "upgrade") ||
      answer_.header("Sec-WebSocket-Accept") != accepted_key(key_))
    return "does not answer our key: a proxy in between, or no WebSocket server; check port and "
           "path";
  return {};
}

bool WebSocketStream::stand() {
  ready_ = true;
  const Buffer early = early_.take();
  if (!early.empty()) std::ignore = send(websocket::Opcode::binary, early);
  if (!telling_.tell([this] { events_.connected(); })) return false;
  if (std::exchange(refused_, false) && !telling_.tell([this] { events_.drained(); })) return false;
  if (std::exchange(finish_wanted_, false)) finish();
  return true;
}

// One event for all that one read of the inner Stream brought: pausing then holds at once.
void WebSocketStream::read(Bytes bytes) {
  if (inner_ == nullptr || leaving_) return;
  data_.clear();
  const websocket::Frames::Heard heard = frames_.feed(bytes, data_);
  if (heard.ping) std::ignore = send(websocket::Opcode::pong, *heard.ping);
  if (!data_.empty() && !telling_.tell([this] { events_.bytes(data_); })) return;
  if (heard.closed) {
    if (*heard.closed != kNormalEnd && *heard.closed != websocket::kNoStatus) {
      why_ = joined({"the web server at ", options_.host, " ends the connection with status ",
                     std::to_string(*heard.closed), ": see its log"});
    }
    return say_goodbye(*heard.closed == websocket::kNoStatus ? kNormalEnd : *heard.closed);
  }
  if (heard.wrong == nullptr) return;
  say_goodbye(kProtocolError);
  end_with(Code::corrupt,
           joined({"breaks the WebSocket protocol: ", heard.wrong, "; see its log"}));
}

bool WebSocketStream::send(websocket::Opcode opcode, Bytes payload) {
  websocket::Mask mask{};
  entropy_.fill(mask);
  frame_.clear();
  websocket::put_frame(frame_, opcode, payload, mask);
  return inner_->write(frame_);
}

void WebSocketStream::say_goodbye(int status) {
  if (inner_ == nullptr || std::exchange(leaving_, true)) return;
  const std::array<std::uint8_t, 2> payload{static_cast<std::uint8_t>(status >> 8),
                                            static_cast<std::uint8_t>(status)};
  std::ignore = send(websocket::Opcode::close, payload);
  inner_->finish();
}

void WebSocketStream::drained() {
  if (ready_ && std::exchange(refused_, false)) events_.drained();
}

void WebSocketStream::closed(Error reason) {
  const std::string below = inner_ != nullptr ? inner_->why() : std::string();
  const bool broken = reason.code == Code::closed || reason.code == Code::io;
  if (carried_ && !ready_ && broken && below.empty())
    return end_with(Code::closed, "hangs up before it answers: check port and path, and its log");
  timer_->stop();
  inner_.reset();
  if (why_.empty()) why_ = below;
  events_.closed(reason);
}

void WebSocketStream::end_with(Code code, std::string_view text) {
  timer_->stop();
  inner_.reset();
  why_ = joined({"the web server at ", options_.host, " ", text});
  events_.closed({code, 0, "no WebSocket with the broker: check its address, and its log"});
}

bool WebSocketStream::write(Bytes bytes) {
  if (inner_ == nullptr || leaving_ || finish_wanted_) return false;
  if (ready_) {
    refused_ = !send(websocket::Opcode::binary, bytes);
    return !refused_;
  }
  refused_ = !early_.add(bytes);
  return !refused_;
}

std::size_t WebSocketStream::bytes_queued() const {
  return early_.size() + (inner_ != nullptr ? inner_->bytes_queued() : 0);
}

void WebSocketStream::pause(bool paused) {
  if (inner_ != nullptr) inner_->pause(paused);
}

void WebSocketStream::finish() {
  if (ready_) return say_goodbye(kNormalEnd);
  finish_wanted_ = true;
}

}  // namespace pinaflux
