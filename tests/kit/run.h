// run_until: turns a Loop until something is true, or until a test has waited long enough to have
// failed.
#pragma once

#include <functional>
#include <memory>

#include "platform/base/time.h"
#include "platform/loop.h"

namespace pinaflux::kit {

// The bound is for failures only: no test depends on how fast a machine is.
inline bool run_until(Loop& loop, const std::function<bool()>& reached,
                      Duration give_up = Duration::seconds(20)) {
  bool late = false;
  const auto timer = loop.timer([&] { late = true; });
  timer->start(give_up);
  loop.run([&] {
    if (late || reached()) loop.stop();
    return false;
  });
  return reached();
}

// The same of what other threads and processes change: looks every 20 ms, whether or not the loop has events.
inline bool poll_until(Loop& loop, const std::function<bool()>& reached, Duration give_up) {
  const std::unique_ptr<Timer> tick = loop.timer([&] { tick->start(Duration::milliseconds(20)); });
  tick->start(Duration{0});
  return run_until(loop, reached, give_up);
}

// Lets everything that is due happen: posted functions, timers of zero, sockets that are ready.
inline void settle(Loop& loop) {
  for (int i = 0; i < 20; ++i) {
    bool passed = false;
    const auto timer = loop.timer([&] { passed = true; });
    timer->start(Duration::milliseconds(1));
    run_until(loop, [&] { return passed; });
  }
}

}  // namespace pinaflux::kit
