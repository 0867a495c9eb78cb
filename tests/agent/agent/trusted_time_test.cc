#include "agent/agent/trusted_time.h"

#include <memory>

#include <doctest/doctest.h>

#include "agent/mask/masker.h"
#include "tests/kit/hand_clock.h"

namespace pinaflux {
namespace {

constexpr Duration kYear = Duration::days(365);

struct TrustedTimeFixture {
  kit::HandClock clock;
  TrustedTime::Options options{.built = clock.wall(), .lanes = {"alarm", "bulk"}};
  Shapes shapes;
  std::unique_ptr<TrustedTime> time;
  Group group;
  std::vector<StateEdit> states;  // As a spool would have them.

  TrustedTimeFixture() {
    clock.synchronise(false);
    clock.advance(Duration::seconds(5));
    start();
  }
  void start() {
    time = std::make_unique<TrustedTime>(options, clock, shapes);
    time->restore(states);
    time->look(false);
  }
  void add(LaneIndex lane) {
    static constexpr std::string_view kFields[] = {"n"};
    const auto cells = group.arena.array<Value>(1);
    group.records[lane].push_back(
        Masker::own({shapes.intern("boiler", kFields), cells.data(), time->stamp()}));
  }
  // The anchors of the lane in the group.
  std::vector<Anchor> told(LaneIndex lane) const {
    std::vector<Anchor> all;
    for (const Record& record : group.records[lane]) {
      if (const auto anchor = read_anchor(record.row())) all.push_back(*anchor);
    }
    return all;
  }
  // The group is on disk.
  void commit() {
    for (const StateEdit& edit : group.states) {
      std::erase_if(states, [&](const StateEdit& s) { return s.key == edit.key; });
      if (!edit.value.empty()) states.push_back(edit);
    }
    group.reset();
  }
  bool gain_trust() {
    clock.synchronise(true, Duration::milliseconds(250));
    return time->look(true);
  }
};

TEST_CASE_FIXTURE(TrustedTimeFixture, "a record gets time since boot until the clock is trusted") {
  CHECK_FALSE(time->trusted());
  CHECK(time->stamp() == Stamp{clock.now().ns, clock.boot()});
  CHECK_FALSE(time->text().empty());

  CHECK(gain_trust());

  CHECK(time->trusted());
  CHECK(time->stamp() == Stamp::wall(clock.wall()));
  CHECK(time->text().empty());
}

TEST_CASE_FIXTURE(TrustedTimeFixture, "a synchronised clock from before the build is not trusted") {
  clock.step(Duration{} - kYear);
  CHECK_FALSE(gain_trust());
}

TEST_CASE_FIXTURE(TrustedTimeFixture,
                  "plausible takes a date that nobody synchronised, and no earlier one") {
  options.rule = ClockRule::plausible;
  clock.step(Duration{} - kYear);
  start();
  CHECK_FALSE(time->trusted());

  clock.step(kYear);

  CHECK(time->look(true));
  CHECK(time->anchor()->uncertainty == TrustedTime::kPlausibleError);
}

TEST_CASE_FIXTURE(TrustedTimeFixture,
                  "trust that was gained stays for the boot, over a restart, and no longer") {
  REQUIRE(gain_trust());
  add(0);
  time->prepare(group);
  commit();
  clock.synchronise(false);
  CHECK_FALSE(time->look(true));
  CHECK(time->trusted());

  start();
  CHECK(time->trusted());

  clock.reboot(8);
  start();
  CHECK_FALSE(time->trusted());
}

TEST_CASE_FIXTURE(TrustedTimeFixture,
                  "trust by a plausible date is not enough for who wants it synchronised") {
  options.rule = ClockRule::plausible;
  start();
  REQUIRE(time->trusted());
  time->prepare(group);
  commit();

  options.rule = ClockRule::synchronised;
  start();

  CHECK_FALSE(time->trusted());
}

TEST_CASE_FIXTURE(TrustedTimeFixture,
                  "a trusted clock that is set back to before the build is counted on") {
  REQUIRE(gain_trust());
  const WallTime right = clock.wall();
  clock.step(Duration{} - kYear);
  clock.advance(Duration::seconds(3));
  CHECK(time->stamp() == Stamp::wall(right + Duration::seconds(3)));
}

TEST_CASE_FIXTURE(TrustedTimeFixture,
                  "each lane that got time since boot gets one anchor behind it") {
  add(1);
  time->prepare(group);
  CHECK(time->owes(1));
  CHECK(told(1).empty());
  commit();

  gain_trust();
  time->tell(group);

  REQUIRE(told(1).size() == 1);
  CHECK(told(1)[0] == Anchor{clock.boot(), clock.now(), clock.wall(), Duration::milliseconds(250)});
  CHECK(told(0).empty());
  CHECK_FALSE(time->owes(1));
  time->tell(group);
  CHECK(told(1).size() == 1);
}

TEST_CASE_FIXTURE(TrustedTimeFixture,
                  "records that waited while trust was gained are followed by it in their commit") {
  add(0);
  gain_trust();

  time->prepare(group);

  CHECK(group.records[0].size() == 2);
  CHECK(told(0).size() == 1);
}

TEST_CASE_FIXTURE(TrustedTimeFixture, "what is owed is told after a restart within the boot") {
  add(0);
  time->prepare(group);
  commit();

  start();
  CHECK(time->owes(0));
  gain_trust();
  time->prepare(group);
  CHECK(told(0).size() == 1);
  commit();

  start();
  CHECK_FALSE(time->owes(0));
}

TEST_CASE_FIXTURE(TrustedTimeFixture, "what was told and not committed is still owed") {
  add(0);
  time->prepare(group);
  commit();
  gain_trust();
  time->prepare(group);
  REQUIRE(told(0).size() == 1);
  group.reset();

  start();

  CHECK(time->owes(0));
}

TEST_CASE_FIXTURE(TrustedTimeFixture, "a reboot before trust forgets what was owed") {
  add(0);
  time->prepare(group);
  commit();
  REQUIRE(states.size() == 1);
  clock.reboot(8);

  start();
  time->prepare(group);
  commit();

  CHECK_FALSE(time->owes(0));
  CHECK(states.empty());
}

TEST_CASE_FIXTURE(TrustedTimeFixture, "a group without room for an anchor leaves it owed") {
  add(0);
  time->prepare(group);
  commit();
  gain_trust();
  while (!group.arena.array<Value>(1).empty()) continue;

  time->tell(group);
  CHECK(time->owes(0));
  group.reset();
  time->tell(group);

  CHECK_FALSE(time->owes(0));
}

TEST_CASE_FIXTURE(
    TrustedTimeFixture,
    "where nobody afar resolves, what waits for trust is not sent for a minute of link") {
  options.resolved_here = {"bulk"};
  start();
  add(0);
  add(1);
  time->prepare(group);
  LeaseWish wish;
  wish.envelopes.fill(2);

  LeaseWish held = wish;
  time->withhold(held);
  CHECK(held.envelopes[0] == 2);
  CHECK(held.envelopes[1] == 0);
  for (int second = 0; second < 60; ++second) {
    CHECK_FALSE(time->look(false));
    CHECK_FALSE(time->look(true));
  }

  time->withhold(wish);
  CHECK(wish.envelopes[1] == 2);
}

TEST_CASE_FIXTURE(TrustedTimeFixture, "with a collector nothing waits") {
  add(1);
  time->prepare(group);
  LeaseWish wish;
  wish.envelopes.fill(2);
  time->withhold(wish);
  CHECK(wish.envelopes[1] == 2);
}

}  // namespace
}  // namespace pinaflux
