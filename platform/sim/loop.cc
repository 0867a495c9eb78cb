// The turn is an event like others: asked for by the first event of a batch, it stands in the queue
// behind all that is due at the same time already, and so ends the batch, as on Linux.
//
// A turn that always has more to do would stop time; so each takes kTurnTime.

#include "platform/sim/loop.h"

#include <utility>

#include "platform/base/assert.h"

namespace pinaflux {

namespace {

constexpr std::uint64_t kStepsMax = 200'000'000;  // Of one run(): a world that runs in a circle.

class SimTimer final : public Timer {
 public:
  SimTimer(SimLoop& loop, std::function<void()> fired)
      : loop_(loop), fired_(std::move(fired)), event_(loop, SimKind::timer, run, this) {}
  ~SimTimer() override {
    if (gone_ != nullptr) *gone_ = true;
  }
  void start(Duration after) override {
    if (loop_.alive()) event_.in(after);
  }
  void stop() override { event_.cancel(); }

 private:
  // The function is held here while it runs, because it may destroy its timer.
  static void run(void* self) {
    auto* timer = static_cast<SimTimer*>(self);
    bool gone = false;
    timer->gone_ = &gone;
    auto fired = std::move(timer->fired_);
    fired();
    if (gone) return;
    timer->gone_ = nullptr;
    timer->fired_ = std::move(fired);
  }

  SimLoop& loop_;
  std::function<void()> fired_;
  SimLoopEvent event_;
  bool* gone_ = nullptr;
};

}  // namespace

SimLoopEvent::SimLoopEvent(SimLoop& loop, SimKind kind, Function function, void* self)
    : SimEvent(loop.scheduler()), loop_(loop), function_(function), self_(self), kind_(kind) {}

void SimLoopEvent::happen() {
  SimLoop& loop = loop_;
  if (!loop.alive()) return;
  loop.note(kind_);
  function_(self_);
  loop.request_turn();
}

SimLoop::SimLoop(SimScheduler& scheduler, std::uint32_t id)
    : scheduler_(scheduler),
      id_(id),
      turn_event_(*this),
      posted_event_(
          *this, SimKind::posted, [](void* self) { static_cast<SimLoop*>(self)->run_posted(); },
          this) {}

std::unique_ptr<Timer> SimLoop::timer(std::function<void()> fired) {
  return std::make_unique<SimTimer>(*this, std::move(fired));
}

void SimLoop::post(std::function<void()> function) {
  if (!alive_) return;
  posted_.push_back(std::move(function));
  if (!posted_event_.waits()) posted_event_.in({});
}

void SimLoop::run_posted() {
  batch_.swap(posted_);
  for (auto& function : batch_) {
    if (alive_) function();
  }
  batch_.clear();
}

void SimLoop::take_turn() {
  if (!alive_ || !turn_) return;
  note(SimKind::turn);
  const bool more = turn_();
  if (more && alive_ && turn_) turn_event_.in(kTurnTime);
}

void SimLoop::serve(std::function<bool()> turn) {
  turn_ = std::move(turn);
  if (!turn_) turn_event_.cancel();
  request_turn();
}

void SimLoop::run(std::function<bool()> turn) {
  const std::uint64_t steps_end = scheduler_.steps() + kStepsMax;
  serve([this, turn = std::move(turn)] { return !stopping_ && turn(); });
  while (!stopping_ && scheduler_.step()) ASSERT(scheduler_.steps() < steps_end);
  serve({});
  stopping_ = false;
}

void SimLoop::kill() {
  alive_ = false;
  turn_event_.cancel();
  posted_event_.cancel();
}

}  // namespace pinaflux
