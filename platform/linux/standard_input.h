// StandardInput: file descriptor 0 as a Stream: a pipe, a terminal, a socket or a regular file.
//
// Promise    The descriptor's flags are left alone: it is shared with the shell that started us.
// Limits     One read an event. write() is refused: there is nobody to answer.
// Threads    Loop.
// Tests      tests/platform/linux/standard_input_test.cc
#pragma once

#include "platform/linux/loop.h"
#include "platform/linux/socket_stream.h"

namespace pinaflux {

class StandardInput final : public Stream {
 public:
  StandardInput(const SocketStream::Shared& shared, Fd fd, Events& events);
  ~StandardInput() override;

  [[nodiscard]] bool write(Bytes) override { return false; }
  std::size_t bytes_queued() const override { return 0; }
  void pause(bool paused) override;
  void finish() override;

 private:
  enum class State { starting, open, finishing, closed };
  static void fired(int fd, short what, void* self);
  void begin();
  void read_once();
  void expect();
  void close_now(const Error& reason);
  bool gone_after(const std::function<void()>& event);

  const SocketStream::Shared shared_;
  Events& events_;
  State state_ = State::starting;
  bool paused_ = false;
  bool waits_ = false;  // epoll can tell when there is something; otherwise there always is.
  bool* gone_ = nullptr;
  Fd fd_;
  EventPtr readable_, soon_;
};

}  // namespace pinaflux
