// LinuxLoop: the loop, by libevent (epoll).
//
// Threads    One, except post() and stop(); stop() may be called by a signal.
// Tests      tests/platform/linux/loop_test.cc
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "platform/base/result.h"
#include "platform/linux/fd.h"
#include "platform/loop.h"

struct event;
struct event_base;

namespace pinaflux {

// libevent's objects, owned.
struct EventFree {
  void operator()(event* e) const;
  void operator()(event_base* b) const;
};
using EventPtr = std::unique_ptr<event, EventFree>;
using EventCallback = void (*)(int fd, short what, void* self);

// Made, not yet waiting.
EventPtr make_event(event_base* base, int fd, short what, EventCallback callback, void* self);
// Waits for a file's event, without a timeout.
void start_event(event* e);
void start_event(event* e, Duration timeout);

// Wakes the loop from any thread or signal: `woken` runs there once for one or more wake().
class Wakeup {
 public:
  static Result<std::unique_ptr<Wakeup>> make(event_base* base, std::function<void()> woken);
  void wake();  // Async-signal-safe.

 private:
  Wakeup(Fd fd, std::function<void()> woken) : fd_(std::move(fd)), woken_(std::move(woken)) {}
  Fd fd_;
  std::function<void()> woken_;
  EventPtr event_;
};

class LinuxLoop final : public Loop {
 public:
  static Result<std::unique_ptr<LinuxLoop>> make();

  std::unique_ptr<Timer> timer(std::function<void()> fired) override;
  void post(std::function<void()> function) override;
  void run(std::function<bool()> turn) override;
  void stop() override;

  event_base* base() { return base_.get(); }

 private:
  explicit LinuxLoop(event_base* base) : base_(base) {}
  void run_posted();

  std::unique_ptr<event_base, EventFree> base_;
  std::unique_ptr<Wakeup> wakeup_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
};

}  // namespace pinaflux
