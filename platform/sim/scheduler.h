// SimScheduler: the one queue of all that will happen in a simulated world, and its time.
//
// Promise    Time moves only here, from one event to the next. The same calls give the same run: what
//            trace() gives after equal steps is equal, on every machine.
// Order      By time; at one time, in the order in which the events were asked for.
// Limits     An event costs no heap: the queue holds pointers to events that their owners hold.
// Ownership  The scheduler outlives its events; an event that is destroyed happens no more. An event
//            may be destroyed while it happens.
// Threads    One.
// Tests      tests/platform/sim/loop_test.cc
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "platform/base/time.h"

namespace pinaflux {

class SimScheduler;

// What can happen at a time: at most once until it is asked for again.
class SimEvent {
 public:
  explicit SimEvent(SimScheduler& scheduler) : scheduler_(scheduler) {}
  virtual ~SimEvent();
  SimEvent(const SimEvent&) = delete;
  SimEvent& operator=(const SimEvent&) = delete;

  void at(Instant when);  // Moves it, if it waits already. A time that is past means now.
  void in(Duration after);
  void cancel();
  bool waits() const { return place_ != kNowhere; }

 private:
  friend class SimScheduler;
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
  virtual void happen() = 0;

  SimScheduler& scheduler_;
  std::size_t place_ = kNowhere;  // In the scheduler's heap.
};

class SimScheduler {
 public:
  Instant now() const { return now_; }
  // The next event happens. False: nothing waits.
  bool step();
  // Everything until then happens, and time stands there. False: more than `steps_max` would.
  [[nodiscard]] bool run_until(Instant end, std::uint64_t steps_max);

  std::uint64_t steps() const { return steps_; }
  // Of all that was noted so far: when, what, who, in this order.
  std::uint64_t trace() const { return trace_; }
  void note(std::uint32_t kind, std::uint32_t who) {
    const std::uint64_t what = static_cast<std::uint64_t>(kind) << 32 | who;
    trace_ = (trace_ ^ static_cast<std::uint64_t>(now_.ns)) * 0x9e3779b97f4a7c15u;
    trace_ = (trace_ ^ (trace_ >> 29) ^ what) * 0xbf58476d1ce4e5b9u;
  }

 private:
  friend class SimEvent;
  struct Entry {
    Instant at;
    std::uint64_t number;
    SimEvent* event;
    bool before(const Entry& other) const {
      return at != other.at ? at < other.at : number < other.number;
    }
  };
  void put(SimEvent& event, Instant when);
  void take(SimEvent& event);
  void place(std::size_t index, const Entry& entry);
  void rise(std::size_t index, const Entry& entry);
  void sink(std::size_t index, const Entry& entry);

  Instant now_{};
  std::uint64_t last_number_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t trace_ = 0;
  std::vector<Entry> heap_;
};

}  // namespace pinaflux
