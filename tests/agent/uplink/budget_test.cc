#include "agent/uplink/budget.h"

#include <doctest/doctest.h>

#include "tests/agent/uplink/fixture.h"

namespace pinaflux::tests {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr std::int64_t kDays = 20'000;  // 2024-10-04.

WallTime at(std::int64_t day, int hour = 0, int minute = 0) {
  return {(Duration::days(day) + Duration::hours(hour) + Duration::minutes(minute)).ns};
}

struct BudgetFixture {
  BudgetLimits limits;
  std::vector<Budget::Lane> lanes{{"alarm", 0, {}}, {"normal", 0, {}}};
  int month_begins = 1;
  std::unique_ptr<Budget> budget;
  WallTime wall = at(kDays);
  Instant now{Duration::hours(1).ns};
  bool trusted = true;

  void open() {
    budget = std::make_unique<Budget>(limits, month_begins, lanes);
    budget->look(wall, now, trusted);
  }
  void go(Duration by) {
    wall = wall + by;
    now = now + by;
    budget->look(wall, now, trusted);
  }
  // With a commit where it takes one.
  bool sends(std::size_t lane, std::uint64_t bytes) {
    if (!budget->allows(lane, bytes) && budget->save_due()) {
      ++saves;
      kept = budget->save();
      budget->saved();
    }
    if (!budget->allows(lane, bytes)) return false;
    budget->spend(lane, bytes);
    return true;
  }
  std::uint64_t sends_all(std::size_t lane, std::uint64_t each = 1'000) {
    std::uint64_t sum = 0;
    while (sends(lane, each)) sum += each;
    return sum;
  }
  Buffer kept;  // As on the disk.
  int saves = 0;
};

TEST_CASE_FIXTURE(BudgetFixture, "without limits nothing is counted, and nothing is kept") {
  open();
  budget->spend(0, 1'000'000);
  CHECK_FALSE(budget->bounded());
  CHECK(budget->allows(0, 1ull << 40));
  CHECK_FALSE(budget->save_due());
}

TEST_CASE_FIXTURE(BudgetFixture, "a day ends what may be sent, midnight begins it anew") {
  limits.day = kMiB;
  open();

  const std::uint64_t first = sends_all(1);

  CHECK(first <= kMiB);
  CHECK(first > kMiB * 95 / 100);
  go(Duration::hours(23));
  CHECK_FALSE(sends(1, 1'000));
  go(Duration::hours(1));
  CHECK(sends_all(1) == first);
}

TEST_CASE_FIXTURE(BudgetFixture, "a month begins on the day that the plan says") {
  limits.month = kMiB;
  month_begins = 15;
  open();  // On the 4th.
  CHECK(sends_all(1) > 0);
  go(Duration::days(10));
  CHECK_FALSE(sends(1, 1'000));
  go(Duration::days(1));
  CHECK(sends(1, 1'000));
}

TEST_CASE_FIXTURE(BudgetFixture, "a grant is for many envelopes, whatever is limited") {
  SUBCASE("a month") { limits.month = 64 * kMiB; }
  SUBCASE("a day") { limits.day = 64 * kMiB; }
  SUBCASE("a lane's month") { lanes[1].limits.month = 64 * kMiB; }
  SUBCASE("both, and a share") {
    limits.day = 64 * kMiB;
    limits.month = 640 * kMiB;
    lanes[1].share = 50;
  }
  open();
  for (int i = 0; i < 2'000; ++i) REQUIRE(sends(1, 4'000));
  CHECK(saves <= 20);
}

TEST_CASE_FIXTURE(BudgetFixture, "what is not committed may not be sent") {
  limits.day = kMiB;
  open();
  CHECK_FALSE(budget->allows(1, 1'000));
  REQUIRE(budget->save_due());
  budget->save();
  CHECK_FALSE(budget->allows(1, 1'000));
  budget->saved();
  CHECK(budget->allows(1, 1'000));
}

TEST_CASE_FIXTURE(BudgetFixture, "a restart forgets nothing that was sent") {
  limits.day = limits.month = kMiB;
  open();
  std::uint64_t sum = 0;
  for (int restart = 0; restart < 200; ++restart) {
    for (int i = 0; i < 3; ++i) sum += sends(1, 2'000) ? 2'000 : 0;
    open();
    budget->restore(kept);
  }
  CHECK(sum > 0);
  CHECK(sum <= kMiB);
  CHECK_FALSE(sends(1, 2'000));
}

TEST_CASE_FIXTURE(BudgetFixture, "a save of yesterday grants nothing today") {
  limits.day = kMiB;
  open();
  budget->allows(1, 1'000);
  budget->save();
  go(Duration::days(1));
  budget->saved();
  CHECK_FALSE(budget->allows(1, 1'000));
  CHECK(sends(1, 1'000));
}

TEST_CASE_FIXTURE(BudgetFixture, "a share is kept for its lane, less and less as the day ends") {
  limits.day = kMiB;
  lanes[0].share = 20;
  open();

  const std::uint64_t morning = sends_all(1);
  CHECK(morning <= kMiB * 80 / 100);
  CHECK(morning > kMiB * 75 / 100);
  CHECK(sends(0, 1'000));
  go(Duration::hours(12));
  const std::uint64_t noon = sends_all(1);
  CHECK(noon <= kMiB * 10 / 100);
  CHECK(noon > kMiB * 9 / 100);
  CHECK(sends_all(0) > kMiB * 5 / 100);
}

TEST_CASE_FIXTURE(BudgetFixture, "a lane has its own limits within those of the link") {
  limits.day = kMiB;
  lanes[1].limits.day = kMiB / 2;
  open();
  const std::uint64_t sum = sends_all(1);
  CHECK(sum <= kMiB / 2);
  CHECK(sum > kMiB * 48 / 100);
  CHECK(sends(0, 1'000));
}

TEST_CASE_FIXTURE(BudgetFixture,
                  "a second's bytes are kept to on average, one large packet included") {
  Duration look;
  SUBCASE("looked at often") { look = Duration::milliseconds(100); }
  SUBCASE("looked at as seldom as the link does") { look = Duration::seconds(2); }
  limits.second = 10'000;
  open();
  std::uint64_t sum = 0;
  for (Duration all; all < Duration::minutes(10); all = all + look) {
    while (sends(1, 25'000)) sum += 25'000;
    go(look);
  }
  CHECK(sum <= 600 * 10'000 + 2 * 25'000);
  CHECK(sum >= 600 * 10'000 * 9 / 10);
}

TEST_CASE_FIXTURE(BudgetFixture, "times of day open and close, over midnight, too") {
  limits.times = {{22 * 60, 5 * 60 + 30}, {12 * 60, 13 * 60}};
  open();
  CHECK(sends(1, 1'000));
  CHECK(budget->closed() == Budget::Closed::no);
  go(Duration::hours(5) + Duration::minutes(30));
  CHECK_FALSE(sends(1, 1'000));
  CHECK(budget->closed() == Budget::Closed::times);
  go(Duration::hours(7));  // 12:30
  CHECK(sends(1, 1'000));
  go(Duration::hours(9) + Duration::minutes(30));
  CHECK(sends(1, 1'000));
}

TEST_CASE_FIXTURE(BudgetFixture, "a clock that is not trusted begins no day, and closes nothing") {
  limits.day = kMiB;
  limits.times = {{60, 120}};
  trusted = false;
  wall = at(0);
  open();
  CHECK(sends_all(1) > 0);
  go(Duration::days(3));
  CHECK_FALSE(sends(1, 1'000));
  trusted = true;
  wall = at(kDays, 1, 30);
  go(Duration{});
  CHECK_FALSE(sends(1, 1'000));  // It may be the same day.
  go(Duration::days(1));
  CHECK(sends(1, 1'000));
}

TEST_CASE_FIXTURE(BudgetFixture, "a clock that goes back begins no day again") {
  limits.day = kMiB;
  open();
  sends_all(1);
  wall = at(kDays - 3);
  go(Duration{});
  CHECK_FALSE(sends(1, 1'000));
  go(Duration::days(1));
  CHECK(sends(1, 1'000));
}

TEST_CASE_FIXTURE(BudgetFixture, "the link closes before its goodbye would be too much") {
  limits.day = kMiB;
  open();
  sends_all(1);
  CHECK(budget->closed() == Budget::Closed::no);
  while (budget->closed() == Budget::Closed::no) budget->spend(300);
  CHECK(budget->closed() == Budget::Closed::day);
  CHECK(budget->used_today() < kMiB);
}

TEST_CASE_FIXTURE(BudgetFixture, "what was kept damaged is read as nothing") {
  limits.day = kMiB;
  for (const char* text : {"", "x", "1", "1 2\n", "1 2\n-5 3 ", "1 2\n5", "1 2\n1 2 nobody",
                           "99999999999999999999 1\n1 1 "}) {
    open();
    budget->restore(as_bytes(std::string_view(text)));
    CHECK(budget->used_today() == 0);
  }
}

// A simulated month of thirty times what the plan allows, with a restart of the process each day and the link cut often.
struct PlanFixture : UplinkFixture {
  static constexpr std::uint64_t kEnvelope = 12'000;
  struct Wall final : Clock {
    explicit Wall(const ScriptedLoop& l) : loop(l) {}
    Instant now() const override { return loop.now() + Duration::hours(1); }
    WallTime wall() const override { return at(kDays) + (loop.now() - Instant{}); }
    bool synchronised() const override { return true; }
    std::uint64_t boot() const override { return 1; }
    const ScriptedLoop& loop;
  };
  Wall wall{loop};
  std::vector<StateEdit> states;
  std::array<std::uint64_t, 2> next{1, 1};
  std::string interface = "wwan0", first_hop;

  void restart() {
    uplink.reset();
    uplink = std::make_unique<Uplink>(
        options, wall, entropy, loop,
        [this](MqttClient::Events& e) { return std::make_unique<FakeClient>(*this, e); }, [] {},
        [this](const std::string& to) {
          first_hop = to;
          return interface;
        });
    for (std::size_t i = 0; i < options.lanes.size(); ++i) {
      uplink->committed(static_cast<LaneIndex>(i), epoch, next[i] - 1, next[i] - 1);
    }
    uplink->restore(states);
    uplink->start();
  }
  void commit() {
    Group group;
    uplink->save(group);
    if (!group.states.empty()) states = group.states;
    for (LaneIndex lane = 0; lane < 2; ++lane) {
      if (wished(lane) == 0) continue;
      Lease made = lease(lane, next[lane], next[lane] + 9);
      made.bytes.resize(kEnvelope);
      next[lane] += 10;
      uplink->committed(lane, epoch, next[lane] - 1);
      send(std::move(made));
    }
    uplink->saved();
  }
};

TEST_CASE_FIXTURE(PlanFixture,
                  "a month of thirty times the plan stays within each day, alarms first") {
  options.budget.day = kMiB;
  options.keep_alive = Duration::minutes(15);
  options.lanes = {{.name = "alarm", .priority = 5, .share = 30}, {.name = "normal"}};
  restart();
  for (int day = 0; day < 31; ++day) {
    std::uint64_t bytes = 0, alarms = 0;
    for (int minute = 0; minute < 24 * 60; ++minute) {
      const bool cut = minute % 97 == 0;
      if (uplink->health().state == UplinkHealth::State::connecting) {
        up();
        for (const auto& lane : options.lanes) ack(lane.name, 0);
      } else if (cut && uplink->health().state == UplinkHealth::State::working) {
        down();
      }
      commit();
      puback();
      for (std::size_t i = 0; i < 2; ++i) {
        if (next[i] > 1 && client != nullptr) ack(options.lanes[i].name, next[i] - 1);
      }
      for (const Published& p : published) {
        bytes += p.payload.size() + p.topic.size();
        alarms += p.topic.ends_with("/alarm") ? p.payload.size() : 0;
      }
      published.clear();
      if (minute == 700) restart();
      wait(Duration::minutes(1));
    }
    CAPTURE(day);
    CHECK(bytes <= kMiB);
    CHECK(bytes >= kMiB / 2);
    CHECK(alarms >= kMiB * 30 / 100 / 2);
    CHECK(uplink->health().used_today <= kMiB);
    CHECK(uplink->health().text.find("until 00:00 UTC") != std::string::npos);
  }
}

TEST_CASE_FIXTURE(PlanFixture, "only what leaves by a metered interface is counted and bounded") {
  options.budget.day = kMiB;
  options.budget.interfaces = {"ppp*", "wwan0"};
  const auto state = [&] { return uplink->health().state; };
  const auto send_for = [&](int minutes) {
    for (int minute = 0, before = disconnects; minute < minutes; ++minute) {
      if (state() == UplinkHealth::State::connecting) {
        up();
        for (const auto& lane : options.lanes) ack(lane.name, 0);
      }
      commit();
      puback();
      for (std::size_t i = 0; i < 2; ++i) {
        if (next[i] > 1 && state() == UplinkHealth::State::working) {
          ack(options.lanes[i].name, next[i] - 1);
        }
      }
      wait(Duration::minutes(1));
      if (std::exchange(before, disconnects) != disconnects) down();
    }
  };
  restart();
  send_for(200);
  REQUIRE(disconnects == 1);
  CHECK(state() == UplinkHealth::State::waiting);
  const std::uint64_t used = uplink->health().used_today;
  const std::uint64_t sent = next[0];
  CHECK(used <= kMiB);
  CHECK(uplink->health().interface == "wwan0");

  interface = "wlan0";
  wait(Duration::minutes(1));
  send_for(300);
  CHECK(next[0] > sent + 1000);
  CHECK(uplink->health().used_today == used);
  CHECK(uplink->health().interface == "wlan0");
  CHECK(uplink->health().bounded);
  CHECK(disconnects == 1);

  // The network falls back to the modem: within a tick no more leaves.
  interface = "ppp0";
  wait(Duration::seconds(3));
  CHECK(disconnects == 2);
  down();
  CHECK(uplink->health().text.find("until 00:00 UTC") != std::string::npos);
  CHECK(uplink->health().used_today <= kMiB);
}

TEST_CASE_FIXTURE(PlanFixture, "the interface that counts is the one that leads to the proxy") {
  options.budget.day = kMiB;
  options.budget.interfaces = {"wwan0"};
  restart();
  CHECK(first_hop == options.broker);
  CHECK_FALSE(connects.back().proxy.used());
  options.proxy = {"http://proxy:3128", "joe", "hunter2"};
  restart();
  CHECK(first_hop == "http://proxy:3128");
  CHECK((connects.back().proxy == options.proxy));
}

TEST_CASE_FIXTURE(BudgetFixture, "an interface that is not known counts as metered") {
  limits.day = kMiB;
  limits.interfaces = {"wwan*"};
  open();
  for (const char* name : {"", "wwan0", "wwan"}) {
    budget->leaves_by(name);
    CHECK(budget->counts());
  }
  for (const char* name : {"wwa", "eth0", "xwwan0"}) {
    budget->leaves_by(name);
    CHECK_FALSE(budget->counts());
  }
}

TEST_CASE_FIXTURE(PlanFixture, "outside its times the link is down, and says when it comes back") {
  options.budget.times = {{0, 2 * 60}};
  restart();
  up();
  CHECK(disconnects == 0);
  wait(Duration::hours(2));
  CHECK(disconnects == 1);
  down();
  CHECK(uplink->health().text.find("uplink.budget.times") != std::string::npos);
  CHECK(uplink->health().state == UplinkHealth::State::waiting);
  wait(Duration::hours(22) - Duration::minutes(1));
  CHECK(connects.size() == 1);
  wait(Duration::minutes(1) + Duration::seconds(1));
  CHECK(connects.size() == 2);
}

}  // namespace
}  // namespace pinaflux::tests
