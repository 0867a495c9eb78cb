#include "platform/linux/socket_stream.h"

#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "platform/base/assert.h"
#include "platform/linux/error.h"

// Not a libevent bufferevent: that one copies every byte that is read once more, and its callbacks
// may run inside calls. Reads land in one block that all streams share; a write goes to the socket
// at once when nothing waits, and what the socket does not take is queued.
//
// The end, in both orders:
//   peer ends first    read gives 0 -> ended() -> true: we may write on, until finish(); false:
//   closed() we finish() first  queue sent -> shutdown(write) -> read and forget until the peer's
//   end -> closed()
// Closing a socket at once with bytes unread would reset it, and the peer could lose our last
// answer.

namespace pinaflux {

void EvbufferFree::operator()(evbuffer* b) const { evbuffer_free(b); }

namespace {
constexpr Error kClosed = {Code::closed, 0, "the peer closed the connection"};
constexpr Error kFinished = {Code::closed, 0, "the connection was finished"};
}  // namespace

SocketStream::SocketStream(const Shared& shared, const Network::Options& options, Events& events)
    : shared_(shared),
      write_bytes_max_(options.write_bytes_max),
      events_(events),
      queue_(evbuffer_new()) {
  ASSERT(queue_ != nullptr);
  timer_ = make_event(
      shared_.base, -1, 0,
      [](int, short, void* self) {
        auto* stream = static_cast<SocketStream*>(self);
        if (stream->state_ == State::closing) return stream->close_now(stream->reason_);
        stream->timer_fired();
      },
      this);
}

SocketStream::~SocketStream() = default;

void SocketStream::open(Fd fd) {
  fd_ = std::move(fd);
  state_ = State::open;
  read_ = make_event(
      shared_.base, fd_.get(), EV_READ | EV_PERSIST,
      [](int, short, void* self) { static_cast<SocketStream*>(self)->on_readable(); }, this);
  write_ = make_event(
      shared_.base, fd_.get(), EV_WRITE | EV_PERSIST,
      [](int, short, void* self) { static_cast<SocketStream*>(self)->on_writable(); }, this);
  expect();
}

Fd SocketStream::release() {
  ASSERT(state_ == State::open && bytes_queued() == 0);
  read_.reset();
  write_.reset();
  state_ = State::closing;
  return std::move(fd_);
}

void SocketStream::expect() {
  if (state_ != State::open && state_ != State::finishing) return;
  const bool read = !ended_ && (state_ == State::finishing ? shut_ : !paused_);
  if (read) start_event(read_.get());
  if (!read) event_del(read_.get());
  if (bytes_queued() > 0) start_event(write_.get());
  if (bytes_queued() == 0) event_del(write_.get());
}

// Sends what the socket takes at once; false on an error, with close_later() done.
bool SocketStream::send_some(Bytes& bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
    if (n < 0) {
      close_later(socket_error(errno));
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

bool SocketStream::write(Bytes bytes) {
  if ((state_ != State::open && state_ != State::connecting) || finish_wanted_) return false;
  if (bytes.size() > write_bytes_max_ - std::min(bytes_queued(), write_bytes_max_)) {
    refused_ = true;
    return false;
  }
  if (state_ == State::open && bytes_queued() == 0 && !send_some(bytes)) return false;
  if (bytes.empty()) return true;
  ASSERT(evbuffer_add(queue_.get(), bytes.data(), bytes.size()) == 0);
  expect();
  return true;
}

std::size_t SocketStream::bytes_queued() const { return evbuffer_get_length(queue_.get()); }

void SocketStream::pause(bool paused) {
  if (paused_ == paused) return;
  paused_ = paused;
  expect();
}

void SocketStream::finish() {
  if (state_ == State::connecting && bytes_queued() == 0) return close_later(kFinished);
  if (state_ == State::connecting) {
    finish_wanted_ = true;  // Sent once connected; the connect timeout bounds the wait.
    return;
  }
  if (state_ != State::open) return;
  state_ = State::finishing;
  start_timer(kFinishMax);
  if (bytes_queued() == 0) shut();
  expect();
}

void SocketStream::shut() {
  shut_ = true;
  if (ended_ || ::shutdown(fd_.get(), SHUT_WR) != 0) close_later(kFinished);
}

void SocketStream::on_readable() {
  const ssize_t n = ::recv(fd_.get(), shared_.scratch.data(), shared_.scratch.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) return;
  if (n < 0) return close_now(socket_error(errno));
  if (n == 0) return on_end();
  if (state_ == State::finishing) return;
  tell([&] { events_.bytes(shared_.scratch.first(static_cast<std::size_t>(n))); });
}

void SocketStream::on_end() {
  ended_ = true;
  if (state_ == State::finishing) return close_now(kFinished);
  bool keep = false;
  if (!tell([&] { keep = events_.ended(); })) return;
  if (state_ == State::closing) return;
  if (!keep && state_ == State::open) return close_now(kClosed);
  if (state_ == State::finishing && shut_) return close_later(kFinished);
  expect();
}

void SocketStream::on_writable() {
  evbuffer_iovec pieces[16];
  const int count = std::min(evbuffer_peek(queue_.get(), -1, nullptr, pieces, 16), 16);
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
  const ssize_t n = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) return;
  if (n < 0) return close_now(socket_error(errno));
  evbuffer_drain(queue_.get(), static_cast<std::size_t>(n));
  if (bytes_queued() > 0) return;
  if (state_ == State::finishing) shut();
  expect();
  if (!refused_ || state_ != State::open) return;
  refused_ = false;
  tell([&] { events_.drained(); });
}

void SocketStream::close_later(const Error& reason) {
  if (state_ == State::closing) return;
  state_ = State::closing;
  reason_ = reason;
  if (read_) event_del(read_.get());
  if (write_) event_del(write_.get());
  start_timer(Duration{0});
}

void SocketStream::close_now(const Error& reason) {
  state_ = State::closing;
  event_del(timer_.get());
  read_.reset();
  write_.reset();
  fd_.close();
  evbuffer_drain(queue_.get(), bytes_queued());
  const Error copy = reason;
  tell([&] { events_.closed(copy); });
}

void SocketStream::start_timer(Duration after) { start_event(timer_.get(), after); }

void SocketStream::timer_fired() {
  close_now({Code::timeout, 0, "the peer did not take the rest of the data in time"});
}

void SocketStream::stop_timer() { event_del(timer_.get()); }

void tune_socket(int fd, int family) {
  if (family != AF_INET && family != AF_INET6) return;
  const int on = 1, idle = 60, interval = 15, count = 4;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

}  // namespace pinaflux
