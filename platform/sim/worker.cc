#include "platform/sim/worker.h"

#include <utility>

#include "platform/base/assert.h"

namespace pinaflux {

SimWorker::SimWorker(SimLoop& loop, std::uint64_t seed)
    : loop_(loop),
      random_(seed),
      job_event_(
          loop, SimKind::job, [](void* self) { static_cast<SimWorker*>(self)->run_job(); }, this),
      done_event_(
          loop, SimKind::done, [](void* self) { static_cast<SimWorker*>(self)->run_done(); },
          this) {}

SimWorker::~SimWorker() {
  while (loop_.alive() && !tasks_.empty()) {
    if (!std::exchange(ran_, false)) tasks_.front().job();
    tasks_.pop_front();
  }
}

void SimWorker::submit(std::function<void()> job, std::function<void()> done) {
  if (!loop_.alive()) return;
  tasks_.push_back({std::move(job), std::move(done)});
  if (tasks_.size() == 1) begin();
}

void SimWorker::begin() { job_event_.in(random_.between(pace_.start_min, pace_.start_max)); }

void SimWorker::run_job() {
  ran_ = true;
  tasks_.front().job();
  tasks_.front().job = nullptr;  // As on Linux: what it holds is gone before `done` can look.
  // The job may have cut the power of its own machine.
  if (loop_.alive()) done_event_.in(random_.between(pace_.took_min, pace_.took_max));
}

void SimWorker::run_done() {
  const std::function<void()> done = std::move(tasks_.front().done);
  tasks_.pop_front();
  ran_ = false;
  if (!tasks_.empty()) begin();
  if (done) done();
}

void SimWorker::bury() {
  ASSERT(!loop_.alive());
  const std::deque<Task> tasks = std::exchange(tasks_, {});
  for (const Task& task : tasks) {
    if (task.done) task.done();
  }
}

}  // namespace pinaflux
