#include "platform/sim/loop.h"

#include <string>

#include <doctest/doctest.h>

#include "tests/platform/sim/world.h"

using namespace pinaflux;
using tests::SimWorld;

namespace {

// A world in which two programs do some of everything, with delays from the seed.
struct Run {
  explicit Run(std::uint64_t seed) : world(seed), random(seed) {
    for (auto* program : {a.get(), b.get()}) {
      program->loop.serve([this] { return random.one_in(4); });
      timers.push_back(program->loop.timer([this, program] { tick(*program); }));
      timers.back()->start(Duration::milliseconds(1));
    }
    world.pass(Duration::minutes(1));
  }
  void tick(tests::SimProgram& program) {
    program.loop.post([] {});
    program.worker.submit([] {}, [] {});
    timers[&program == a.get() ? 0 : 1]->start(random.between({}, Duration::seconds(1)));
  }
  SimWorld world;
  Random random;
  std::unique_ptr<tests::SimProgram> a = world.program("a"), b = world.program("b");
  std::vector<std::unique_ptr<Timer>> timers;
};

}  // namespace

TEST_CASE("the same seed gives the same trace, another seed another") {
  const Run first(7), again(7), other(8);

  CHECK(first.world.scheduler.trace() == again.world.scheduler.trace());
  CHECK(first.world.scheduler.steps() == again.world.scheduler.steps());
  CHECK(first.world.scheduler.trace() != other.world.scheduler.trace());
}

TEST_CASE_FIXTURE(SimWorld,
                  "events of one time happen in the order asked for, then comes the turn") {
  const auto its = program("machine");
  std::string order;
  its->loop.serve([&] {
    order += '.';
    return false;
  });
  const auto a = its->loop.timer([&] { order += 'a'; });
  const auto b = its->loop.timer([&] { order += 'b'; });
  b->start(Duration::seconds(1));
  a->start(Duration::seconds(1));

  pass(Duration::seconds(2));

  CHECK(order == ".ba.");
}

TEST_CASE_FIXTURE(SimWorld, "a turn that always has more to do does not stop time") {
  const auto its = program("machine");
  bool fired = false;
  const auto timer = its->loop.timer([&] { fired = true; });
  timer->start(Duration::milliseconds(1));
  its->loop.serve([] { return true; });

  pass(Duration::milliseconds(2));

  CHECK(fired);
}

TEST_CASE_FIXTURE(SimWorld, "nothing of a program happens after its kill") {
  const auto victim = program("a"), killer = program("b");
  int happened = 0;
  const auto count = [&] { ++happened; };
  const auto timer = victim->loop.timer(count);
  timer->start(Duration::milliseconds(2));
  victim->worker.pace({{}, {}, Duration::milliseconds(2), Duration::milliseconds(2)});
  victim->worker.submit([] {}, count);
  const auto kill = killer->loop.timer([&] {
    victim->loop.post(count);
    victim->loop.kill();
    victim->loop.post(count);
    timer->start(Duration{});
  });
  kill->start(Duration::milliseconds(1));

  pass(Duration::seconds(1));

  CHECK(happened == 0);
}

TEST_CASE_FIXTURE(SimWorld, "a kill between job and done leaves the job done and nobody told") {
  const auto victim = program("a"), killer = program("b");
  bool ran = false, told = false;
  victim->worker.pace({{}, {}, Duration::milliseconds(5), Duration::milliseconds(5)});
  victim->worker.submit([&] { ran = true; }, [&] { told = true; });
  const auto kill = killer->loop.timer([&] { victim->loop.kill(); });
  kill->start(Duration::milliseconds(2));

  pass(Duration::seconds(1));

  CHECK(ran);
  CHECK_FALSE(told);
}

TEST_CASE_FIXTURE(SimWorld, "a job may be the death of its own program") {
  const auto victim = program("a");
  bool told = false;
  victim->worker.submit([&] { victim->loop.kill(); }, [&] { told = true; });

  pass(Duration::seconds(1));

  CHECK_FALSE(told);
  victim->worker.bury();
  CHECK(told);
}

TEST_CASE_FIXTURE(SimWorld, "a run that would not end is stopped by its bound") {
  const auto its = program("machine");
  std::function<void()> again = [&] { its->loop.post(again); };
  its->loop.post(again);

  CHECK_FALSE(scheduler.run_until(Instant{1}, 1000));

  its->loop.kill();
}

TEST_CASE_FIXTURE(SimWorld,
                  "a reboot begins boot time anew, with another boot, and keeps the wall clock") {
  SimClock clock(scheduler, tests::kSimEpoch, 1);
  pass(Duration::seconds(10));
  clock.step(Duration::hours(-1));

  clock.reboot(2);

  CHECK(clock.now() == Instant{});
  CHECK(clock.boot() == 2);
  CHECK_FALSE(clock.synchronised());
  CHECK(clock.wall() == tests::kSimEpoch + Duration::seconds(10) + Duration::hours(-1));
}
