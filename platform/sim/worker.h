// SimWorker: the thread that may block, as a queue of events on its program's loop.
//
// Promise    A job runs at once when its time comes, as seen by others: what it did is done, and
//            `done` follows after the simulated duration. A kill between the two leaves a commit that
//            nobody heard of.
// Order      The next job begins when the one before is over.
// Ownership  The loop outlives it. Its destructor runs the jobs that wait, as Linux' does; of a program
//            that was killed it drops them.
// Threads    One.
// Tests      tests/platform/loop_contract.h, tests/platform/sim/worker_test.cc
#pragma once

#include <deque>

#include "platform/base/random.h"
#include "platform/sim/loop.h"
#include "platform/worker.h"

namespace pinaflux {

class SimWorker final : public Worker {
 public:
  // Drawn for each job.
  struct Pace {
    Duration start_min{}, start_max{};  // From its turn in the queue to the beginning.
    Duration took_min = Duration::microseconds(200), took_max = Duration::milliseconds(5);
  };

  SimWorker(SimLoop& loop, std::uint64_t seed);
  ~SimWorker() override;
  void submit(std::function<void()> job, std::function<void()> done) override;

  void pace(const Pace& pace) { pace_ = pace; }
  // After a kill, before the program's objects are destroyed: tells the owner of a job that it is over,
  // so that destroying it is allowed. Nothing of what it does then is seen by anybody.
  void bury();

 private:
  struct Task {
    std::function<void()> job, done;
  };
  void begin();
  void run_job();
  void run_done();

  SimLoop& loop_;
  Random random_;
  Pace pace_;
  std::deque<Task> tasks_;  // The first one is at work.
  bool ran_ = false;        // Its job.
  SimLoopEvent job_event_, done_event_;
};

}  // namespace pinaflux
