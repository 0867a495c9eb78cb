#include "platform/linux/loop.h"

#include <algorithm>
#include <cerrno>
#include <sys/eventfd.h>
#include <sys/time.h>

#include <event2/event.h>

#include "platform/base/assert.h"
#include "platform/linux/error.h"

// One batch of events, then one turn. libevent would run callbacks that are made active by
// callbacks in the same batch; so nothing here uses event_active(): what must run "soon" is a timer
// of zero, which libevent looks at in the next batch only, and a busy source cannot keep the turn
// away.
//
// libevent caches the time for a batch and reads a coarse clock by default: a timer could fire 4 ms
// early, or early by the length of a turn. Both are switched off; the price is one timerfd_settime
// a batch.

namespace pinaflux {

void EventFree::operator()(event* e) const { event_free(e); }
void EventFree::operator()(event_base* b) const { event_base_free(b); }

EventPtr make_event(event_base* base, int fd, short what, EventCallback callback, void* self) {
  EventPtr made(event_new(base, fd, what, callback, self));
  ASSERT(made != nullptr);
  return made;
}

void start_event(event* e) { ASSERT(event_add(e, nullptr) == 0); }

void start_event(event* e, Duration timeout) {
  const std::int64_t ns = std::clamp(timeout, Duration{0}, Duration::days(1000)).ns;
  const std::int64_t us = (ns + 999) / 1000;  // Never early.
  timeval t{};
  t.tv_sec = static_cast<decltype(t.tv_sec)>(us / 1'000'000);
  t.tv_usec = static_cast<decltype(t.tv_usec)>(us % 1'000'000);
  ASSERT(event_add(e, &t) == 0);
}

Result<std::unique_ptr<Wakeup>> Wakeup::make(event_base* base, std::function<void()> woken) {
  Fd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) return std::unexpected(file_error(errno));
  std::unique_ptr<Wakeup> made(new Wakeup(std::move(fd), std::move(woken)));
  made->event_ = make_event(
      base, made->fd_.get(), EV_READ | EV_PERSIST,
      [](int waked, short, void* self) {
        std::uint64_t count = 0;
        (void)!::read(waked, &count, sizeof count);
        static_cast<Wakeup*>(self)->woken_();
      },
      made.get());
  start_event(made->event_.get());
  return made;
}

void Wakeup::wake() {
  const std::uint64_t one = 1;
  (void)!::write(fd_.get(), &one, sizeof one);
}

namespace {

class LinuxTimer final : public Timer {
 public:
  LinuxTimer(event_base* base, std::function<void()> fired)
      : fired_(std::move(fired)), event_(make_event(base, -1, 0, run, this)) {}
  ~LinuxTimer() override {
    if (gone_ != nullptr) *gone_ = true;
  }
  void start(Duration after) override { start_event(event_.get(), after); }
  void stop() override { event_del(event_.get()); }

 private:
  // The function is held here while it runs, because it may destroy its timer.
  static void run(int, short, void* self) {
    auto* timer = static_cast<LinuxTimer*>(self);
    bool gone = false;
    timer->gone_ = &gone;
    auto fired = std::move(timer->fired_);
    fired();
    if (gone) return;
    timer->gone_ = nullptr;
    timer->fired_ = std::move(fired);
  }

  std::function<void()> fired_;
  EventPtr event_;
  bool* gone_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<LinuxLoop>> LinuxLoop::make() {
  event_config* config = event_config_new();
  ASSERT(config != nullptr);
  event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
  event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
  event_base* base = event_base_new_with_config(config);
  event_config_free(config);
  if (base == nullptr) return fail(Code::full, "the kernel gives no event queue", errno);
  std::unique_ptr<LinuxLoop> loop(new LinuxLoop(base));
  auto wakeup = Wakeup::make(base, [at = loop.get()] { at->run_posted(); });
  if (!wakeup) return std::unexpected(wakeup.error());
  loop->wakeup_ = std::move(*wakeup);
  return loop;
}

std::unique_ptr<Timer> LinuxLoop::timer(std::function<void()> fired) {
  return std::make_unique<LinuxTimer>(base_.get(), std::move(fired));
}

void LinuxLoop::post(std::function<void()> function) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(function));
  }
  if (first) wakeup_->wake();
}

void LinuxLoop::run_posted() {
  std::vector<std::function<void()>> batch;
  {
    const std::lock_guard lock(mutex_);
    batch.swap(posted_);
  }
  for (auto& function : batch) function();
}

void LinuxLoop::run(std::function<bool()> turn) {
  bool more = true;  // The first turn does not wait for an event.
  while (!stopping_.load()) {
    const int flags = more ? EVLOOP_ONCE | EVLOOP_NONBLOCK : EVLOOP_ONCE;
    ASSERT(event_base_loop(base_.get(), flags) >= 0);
    if (stopping_.load()) break;
    more = turn();
  }
  stopping_.store(false);
}

void LinuxLoop::stop() {
  stopping_.store(true);
  wakeup_->wake();
}

}  // namespace pinaflux
