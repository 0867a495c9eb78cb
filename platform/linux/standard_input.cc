#include "platform/linux/standard_input.h"

#include <cerrno>
#include <sys/epoll.h>
#include <unistd.h>

#include <event2/event.h>

#include "platform/linux/error.h"

// A regular file (and /dev/null) cannot be put under epoll: such a descriptor never blocks, so it
// is read by a timer of zero, once a batch. A pipe or terminal is read when epoll says so, without
// O_NONBLOCK.

namespace pinaflux {

namespace {

bool can_wait(int fd) {
  const Fd probe(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  return probe && ::epoll_ctl(probe.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

StandardInput::StandardInput(const SocketStream::Shared& shared, Fd fd, Events& events)
    : shared_(shared), events_(events), waits_(can_wait(fd.get())), fd_(std::move(fd)) {
  readable_ =
      make_event(shared_.base, waits_ ? fd_.get() : -1, waits_ ? EV_READ : short{0}, fired, this);
  soon_ = make_event(shared_.base, -1, 0, fired, this);
  start_event(soon_.get(), Duration{0});
}

StandardInput::~StandardInput() {
  if (gone_ != nullptr) *gone_ = true;
}

void StandardInput::fired(int, short, void* self) {
  auto* input = static_cast<StandardInput*>(self);
  if (input->state_ == State::starting) return input->begin();
  if (input->state_ == State::finishing)
    return input->close_now({Code::closed, 0, "the input was finished"});
  input->read_once();
}

bool StandardInput::gone_after(const std::function<void()>& event) {
  bool gone = false;
  gone_ = &gone;
  event();
  if (!gone) gone_ = nullptr;
  return gone;
}

void StandardInput::begin() {
  state_ = State::open;
  if (gone_after([this] { events_.connected(); })) return;
  expect();
}

void StandardInput::expect() {
  event_del(readable_.get());
  if (state_ != State::open || paused_) return;
  if (waits_) start_event(readable_.get());
  if (!waits_) start_event(readable_.get(), Duration{0});
}

void StandardInput::read_once() {
  if (state_ != State::open || paused_) return;
  const ssize_t n = ::read(fd_.get(), shared_.scratch.data(), shared_.scratch.size());
  if (n < 0 && errno != EINTR && errno != EAGAIN) return close_now(file_error(errno));
  if (n == 0) return close_now({Code::closed, 0, "the input has ended"});
  if (n > 0) {
    const Bytes bytes = shared_.scratch.first(static_cast<std::size_t>(n));
    if (gone_after([&] { events_.bytes(bytes); })) return;
  }
  expect();
}

void StandardInput::pause(bool paused) {
  paused_ = paused;
  if (state_ == State::open) expect();
}

void StandardInput::finish() {
  if (state_ == State::closed) return;
  state_ = State::finishing;
  event_del(readable_.get());
  start_event(soon_.get(), Duration{0});
}

void StandardInput::close_now(const Error& reason) {
  state_ = State::closed;
  event_del(readable_.get());
  event_del(soon_.get());
  (void)gone_after([&] { events_.closed(reason); });
}

}  // namespace pinaflux
