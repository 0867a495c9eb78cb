// What every Loop and every Worker keeps to.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "platform/clock.h"
#include "platform/loop.h"
#include "platform/worker.h"
#include "tests/kit/run.h"

namespace pinaflux {

inline void loop_contract(Loop& loop, const Clock& clock) {
  SUBCASE("a turn runs at once, and again without sleeping while it has more to do") {
    int turns = 0;
    loop.run([&] {
      if (++turns == 5) loop.stop();
      return true;
    });
    CHECK(turns == 5);
  }
  SUBCASE("posted functions run in order, and wake a loop that sleeps") {
    std::string order;
    loop.post([&] {
      order += 'a';
      loop.post([&] { order += 'c'; });
    });
    loop.post([&] { order += 'b'; });
    CHECK(kit::run_until(loop, [&] { return order.size() == 3; }));
    CHECK(order == "abc");
  }
  SUBCASE("a function that posts itself for ever does not keep the turn away") {
    bool ended = false;
    std::function<void()> again = [&] {
      if (!ended) loop.post(again);
    };
    loop.post(again);
    int turns = 0;
    loop.run([&] {
      if (++turns == 10) loop.stop();
      return false;
    });
    ended = true;
    kit::settle(loop);
    CHECK(turns == 10);
  }
  SUBCASE("a timer fires once, never early") {
    int fired = 0;
    const Instant start = clock.now();
    Instant at{};
    const auto timer = loop.timer([&] {
      ++fired;
      at = clock.now();
    });
    timer->start(Duration::milliseconds(20));
    CHECK(kit::run_until(loop, [&] { return fired > 0; }));
    kit::settle(loop);
    CHECK(fired == 1);
    CHECK(at - start >= Duration::milliseconds(20));
  }
  SUBCASE("timers fire in the order of their times") {
    std::string order;
    const auto b = loop.timer([&] { order += 'b'; });
    const auto a = loop.timer([&] { order += 'a'; });
    b->start(Duration::milliseconds(15));
    a->start(Duration::milliseconds(5));
    CHECK(kit::run_until(loop, [&] { return order.size() == 2; }));
    CHECK(order == "ab");
  }
  SUBCASE("a timer that is stopped, destroyed or started again does not fire at its old time") {
    int fired = 0;
    const auto stopped = loop.timer([&] { ++fired; });
    auto destroyed = loop.timer([&] { ++fired; });
    const auto moved = loop.timer([&] { ++fired; });
    for (Timer* timer : {stopped.get(), destroyed.get(), moved.get()}) timer->start(Duration{0});
    stopped->stop();
    destroyed.reset();
    moved->start(Duration::hours(1));
    kit::settle(loop);
    CHECK(fired == 0);
  }
  SUBCASE("a timer may destroy itself, and may start itself again") {
    std::unique_ptr<Timer> suicidal, periodic;
    bool died = false;
    int ticks = 0;
    suicidal = loop.timer([&] {
      suicidal.reset();
      died = true;
    });
    periodic = loop.timer([&] {
      if (++ticks < 3) periodic->start(Duration{0});
    });
    suicidal->start(Duration{0});
    periodic->start(Duration{0});
    CHECK(kit::run_until(loop, [&] { return died && ticks == 3; }));
  }
  SUBCASE("a timer of the longest time is far away, and of a negative time is due") {
    bool far = false, due = false;
    const auto never = loop.timer([&] { far = true; });
    const auto past = loop.timer([&] { due = true; });
    never->start(Duration::max());
    past->start(Duration::seconds(-5));
    CHECK(kit::run_until(loop, [&] { return due; }));
    CHECK_FALSE(far);
  }
  SUBCASE("a loop that was stopped runs again") {
    for (int i = 0; i < 3; ++i) CHECK(kit::run_until(loop, [] { return true; }));
  }
}

// For loops that serve threads.
inline void loop_threads_contract(Loop& loop) {
  SUBCASE("other threads post, and nothing is lost") {
    constexpr int kEach = 1000;
    int count = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kEach; ++i) loop.post([&] { ++count; });
      });
    }
    CHECK(kit::run_until(loop, [&] { return count == 4 * kEach; }));
    for (auto& thread : threads) thread.join();
  }
  SUBCASE("another thread stops a loop that sleeps") {
    std::thread stopper([&] { loop.stop(); });
    loop.run([] { return false; });
    stopper.join();
  }
}

inline void worker_contract(Worker& worker, Loop& loop) {
  SUBCASE("jobs run in order, and each is done on the loop after it ran") {
    std::vector<int> ran, done;
    for (int i = 0; i < 100; ++i) {
      worker.submit([&ran, i] { ran.push_back(i); }, [&done, i] { done.push_back(i); });
    }
    CHECK(done.empty());
    CHECK(kit::run_until(loop, [&] { return done.size() == 100; }));
    REQUIRE(ran.size() == 100);
    for (int i = 0; i < 100; ++i)
      CHECK((ran[static_cast<std::size_t>(i)] == i && done[static_cast<std::size_t>(i)] == i));
  }
  SUBCASE("a job may be submitted when another is done, and none needs a `done`") {
    bool second = false;
    worker.submit([] {}, {});
    worker.submit([] {}, [&] { worker.submit([] {}, [&] { second = true; }); });
    CHECK(kit::run_until(loop, [&] { return second; }));
  }
}

}  // namespace pinaflux
