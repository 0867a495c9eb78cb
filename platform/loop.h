// Loop: one thread that waits for events and runs one turn after each batch of them.
//
// Order      Events (sockets, timers, posted functions), then the turn, then sleep. A turn that returns
//            true has more to do: the loop looks for events without sleeping and turns again.
// Ownership  Timers are cancelled by destroying their Timer. Everything made from a Loop dies first.
// Threads    One, except post() and stop(), which any thread (and stop() a signal) may call.
// Tests      tests/platform/loop_contract.h, run against linux/ and sim/.
#pragma once

#include <functional>
#include <memory>

#include "platform/base/time.h"

namespace pinaflux {

class Timer {
 public:
  virtual ~Timer() = default;              // Cancels.
  virtual void start(Duration after) = 0;  // Once; starting again moves it.
  virtual void stop() = 0;
};

class Loop {
 public:
  virtual ~Loop() = default;
  virtual std::unique_ptr<Timer> timer(std::function<void()> fired) = 0;
  virtual void post(std::function<void()> function) = 0;  // Runs on the loop; wakes it.
  virtual void run(std::function<bool()> turn) = 0;       // Until stop().
  virtual void stop() = 0;
};

}  // namespace pinaflux
