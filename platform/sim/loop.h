// SimLoop: the loop of one simulated program; all programs of a world share one scheduler.
//
// Order      As on Linux: what happens at one time to one program is a batch, then comes its turn. A
//            turn that has more to do comes again after kTurnTime, and other events come between.
// Promise    After kill() nothing of the program happens any more: no timer, no posted function, no
//            turn. Its objects are destroyed later, by whoever killed it, from another loop's event.
// Ownership  The scheduler outlives it.
// Threads    One; post() and stop() too.
// Tests      tests/platform/loop_contract.h, tests/platform/sim/loop_test.cc
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "platform/loop.h"
#include "platform/sim/scheduler.h"

namespace pinaflux {

class SimLoop;

// What happens is one of these, in the trace.
enum class SimKind : std::uint8_t { turn = 1, timer, posted, job, done, connect, arrival, room };

// An event of a program: it happens while the program lives, and its turn follows.
class SimLoopEvent final : public SimEvent {
 public:
  using Function = void (*)(void* self);  // Not std::function: it may destroy this event.
  SimLoopEvent(SimLoop& loop, SimKind kind, Function function, void* self);

 private:
  void happen() override;

  SimLoop& loop_;
  const Function function_;
  void* const self_;
  const SimKind kind_;
};

class SimLoop final : public Loop {
 public:
  static constexpr Duration kTurnTime = Duration::microseconds(20);

  // `id` names the program in the trace.
  SimLoop(SimScheduler& scheduler, std::uint32_t id);

  std::unique_ptr<Timer> timer(std::function<void()> fired) override;
  void post(std::function<void()> function) override;
  // Steps the whole world until stop(), or until nothing waits.
  void run(std::function<bool()> turn) override;
  void stop() override { stopping_ = true; }

  // From now on the scheduler runs the turn, whoever steps it; an empty one ends that.
  void serve(std::function<bool()> turn);
  void kill();
  bool alive() const { return alive_; }

  SimScheduler& scheduler() { return scheduler_; }
  Instant now() const { return scheduler_.now(); }
  void note(SimKind kind) { scheduler_.note(static_cast<std::uint32_t>(kind), id_); }
  void request_turn() {
    if (alive_ && turn_ && !turn_event_.waits()) turn_event_.in({});
  }

 private:
  class TurnEvent final : public SimEvent {
   public:
    explicit TurnEvent(SimLoop& loop) : SimEvent(loop.scheduler_), loop_(loop) {}

   private:
    void happen() override { loop_.take_turn(); }
    SimLoop& loop_;
  };
  void take_turn();
  void run_posted();

  SimScheduler& scheduler_;
  const std::uint32_t id_;
  bool alive_ = true;
  bool stopping_ = false;
  std::function<bool()> turn_;
  std::vector<std::function<void()>> posted_, batch_;
  TurnEvent turn_event_;
  SimLoopEvent posted_event_;
};

}  // namespace pinaflux
