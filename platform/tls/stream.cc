#include "platform/tls/stream.h"

#include <array>
#include <utility>

namespace pinaflux::tls {

Result<std::unique_ptr<TlsStream>> TlsStream::connect(Loop& loop, const Options& options,
                                                      const Dial& dial, Stream::Events& events) {
  std::unique_ptr<TlsStream> stream(new TlsStream(loop, options, events));
  if (options.credentials == nullptr) {
    stream->timer_->start(Duration{0});
    return stream;
  }
  auto inner = dial(static_cast<Stream::Events&>(*stream));
  if (!inner) return std::unexpected(inner.error());
  stream->inner_ = std::move(*inner);
  return stream;
}

TlsStream::TlsStream(Loop& loop, const Options& options, Stream::Events& events)
    : options_(options),
      events_(events),
      timer_(loop.timer([this] { late(); })),
      early_(options.early_bytes_max),
      failure_(options.unloaded) {
  if (options.credentials != nullptr)
    connection_.emplace(options.credentials, options.host, options.judged_at);
}

TlsStream::~TlsStream() = default;

void TlsStream::connected() {
  carried_ = true;
  timer_->start(options_.handshake);
  advance();
}

void TlsStream::bytes(Bytes bytes) {
  connection_->receive(bytes);
  advance();
}

bool TlsStream::shake() {
  if (ready_) return true;
  const Connection::Step step = connection_->step();
  flush();
  if (step == Connection::Step::wait) return false;
  timer_->stop();
  if (step == Connection::Step::failed) {
    end_with(connection_->failure().error());
    return false;
  }
  ready_ = true;
  if (!telling_.tell([this] { events_.connected(); })) return false;
  const Buffer early = early_.take();
  if (!early.empty()) std::ignore = connection_->write(early);
  flush();
  const bool owed = connection_->outgoing().empty() && std::exchange(refused_, false);
  return !owed || telling_.tell([this] { events_.drained(); });
}

// One event for all that one read of the inner Stream brought: pausing then holds at once.
void TlsStream::advance() {
  if (!shake()) return;
  plain_.clear();
  std::array<std::uint8_t, 16 * 1024> block;
  while (const std::size_t n = connection_->read(block)) append(plain_, Bytes(block).first(n));
  flush();
  if (!plain_.empty() && !telling_.tell([this] { events_.bytes(plain_); })) return;
  if (connection_->failure().any()) end_with(connection_->failure().error());
}

void TlsStream::flush() {
  Buffer& outgoing = connection_->outgoing();
  if (inner_ == nullptr) return;
  if (!outgoing.empty() && inner_->write(outgoing)) outgoing.clear();
  if (!outgoing.empty() || !finish_wanted_ || !ready_) return;
  finish_wanted_ = false;
  inner_->finish();
}

void TlsStream::drained() {
  flush();
  if (!connection_->outgoing().empty()) return;
  if (std::exchange(refused_, false)) events_.drained();
}

void TlsStream::closed(Error reason) {
  if (inner_ != nullptr) below_ = inner_->why();
  inner_.reset();
  connection_->receive_end();
  if (carried_ && !ready_) std::ignore = connection_->step();
  std::array<std::uint8_t, 16> rest;
  if (ready_) std::ignore = connection_->read(rest);
  const Failure& failure = connection_->failure();
  const bool broken = reason.code == Code::closed || reason.code == Code::io;
  const bool known = carried_ && broken && failure.any() && failure.cause != Cause::cut;
  end_with(known ? failure.error() : reason);
}

void TlsStream::end_with(const Error& reason) {
  timer_->stop();
  inner_.reset();
  events_.closed(reason);
}

void TlsStream::late() {
  if (!failure_.any())
    failure_ = {Cause::timeout,
                "the TLS handshake with '" + options_.host +
                    "' takes too long: check the network, and whether the port speaks TLS"};
  end_with(failure_.error());
}

bool TlsStream::write(Bytes bytes) {
  if (inner_ == nullptr) return false;
  if (!ready_) {
    refused_ = !early_.add(bytes);
    return !refused_;
  }
  if (!connection_->outgoing().empty()) {
    refused_ = true;
    return false;
  }
  // What failed is told by the next read, from the loop.
  std::ignore = connection_->write(bytes);
  flush();
  return true;
}

std::size_t TlsStream::bytes_queued() const {
  return early_.size() + (connection_ ? connection_->outgoing().size() : 0) +
         (inner_ != nullptr ? inner_->bytes_queued() : 0);
}

void TlsStream::pause(bool paused) {
  if (inner_ != nullptr) inner_->pause(paused);
}

void TlsStream::finish() {
  finish_wanted_ = true;
  if (!connection_) return;
  connection_->close();
  flush();
}

Connection::Facts TlsStream::facts() const {
  return connection_ ? connection_->facts() : Connection::Facts();
}

// Of ends that are no fault of TLS only what is below may know something: who speaks above it knows more.
std::string TlsStream::why() const {
  const Failure& failure = failure_.any() || !connection_ ? failure_ : connection_->failure();
  const bool ended = failure.cause == Cause::ended || failure.cause == Cause::cut;
  return ended || !failure.any() ? below_ : failure.text;
}

}  // namespace pinaflux::tls
