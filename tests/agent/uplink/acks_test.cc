#include "tests/agent/uplink/fixture.h"

namespace pinaflux::tests {
namespace {

struct AcksFixture : UplinkFixture {
  // Sent, taken by the broker, and acknowledged after `took`.
  void turn(std::uint64_t first, Duration took) {
    send(kNormal, first, 1);
    puback();
    wait(took);
    ack("normal", first + 9);
  }
  // One for each lane, at least.
  std::size_t places() const { return wished(0) + wished(kNormal); }
  std::size_t hellos() const { return said("/hello").size(); }
};

TEST_CASE_FIXTURE(AcksFixture,
                  "without acks the window halves, and hello is said again before anything else") {
  open();
  send(kNormal, 1, 4);
  puback();
  sent();
  wait(Duration::seconds(33));

  CHECK(said("/hello").size() == 2);
  CHECK(sent().empty());
  CHECK_FALSE(uplink->health().text.empty());
  ack("normal", 40);  // Two windows of two: it grows again.
  CHECK(wished(0) + wished(kNormal) == 3);
  CHECK(uplink->health().text.empty());
}

TEST_CASE_FIXTURE(AcksFixture, "a collector that answers without having it gets it again at once") {
  open();
  send(kNormal, 1, 2);
  puback();
  wait(Duration::seconds(33));
  ack("normal", 0);
  CHECK(uplink->take_lost() == std::vector<LaneIndex>{kNormal});
}

TEST_CASE_FIXTURE(AcksFixture, "a collector that is away gets everything again ever more rarely") {
  open();
  std::vector<double> resent_after;
  Instant last = clock.now();
  for (int i = 0; i < 4; ++i) {
    send(kNormal, 1, 1);
    puback();
    while (uplink->take_lost().empty()) {
      wait(Duration::seconds(1));
      REQUIRE((clock.now() - last) < Duration::hours(2));
    }
    resent_after.push_back((clock.now() - last).seconds());
    last = clock.now();
  }
  CHECK(resent_after[0] == doctest::Approx(60).epsilon(0.1));
  CHECK(resent_after[1] == doctest::Approx(120).epsilon(0.1));
  CHECK(resent_after[3] == doctest::Approx(480).epsilon(0.1));
}

TEST_CASE_FIXTURE(AcksFixture, "PUBACKs that keep coming over a slow link are progress") {
  open();
  send(kNormal, 1, 4);
  for (int i = 0; i < 4; ++i) {
    wait(Duration::seconds(25));
    client->events.published(published[published.size() - 4 + static_cast<std::size_t>(i)].token,
                             0);
  }
  CHECK(said("/hello").size() == 1);
}

TEST_CASE_FIXTURE(
    AcksFixture,
    "an ack that is late is asked for early, but nobody is told, and nothing is sent again") {
  open();
  turn(1, Duration::seconds(1));
  send(kNormal, 11, 2);
  puback();
  wait(Duration::seconds(4));
  CHECK(hellos() == 1);
  wait(Duration::seconds(4));
  CHECK(hellos() == 2);
  CHECK(uplink->wish().envelopes[kNormal] == 0);  // Two of two are in flight.
  CHECK(uplink->health().text.empty());
  wait(Duration::seconds(25));
  CHECK_FALSE(uplink->health().text.empty());
  CHECK(hellos() == 2);
  CHECK(uplink->take_lost().empty());
  wait(Duration::seconds(30));
  CHECK(uplink->take_lost() == std::vector<LaneIndex>{kNormal});
}

TEST_CASE_FIXTURE(AcksFixture,
                  "a collector that takes long as a rule is not asked, nor sent it again") {
  open();
  send(kNormal, 1, 1);
  puback();
  wait(Duration::seconds(65));
  REQUIRE(uplink->take_lost() == std::vector<LaneIndex>{kNormal});
  send(kNormal, 1, 1);
  puback();
  wait(Duration::seconds(1));
  ack("normal", 10);  // Of which sending, nobody knows.

  const std::size_t before = hellos();
  turn(11, Duration::seconds(55));
  CHECK(uplink->take_lost().empty());
  turn(21, Duration::seconds(90));
  turn(31, Duration::seconds(140));
  CHECK(uplink->take_lost().empty());
  CHECK(hellos() == before);
  CHECK(uplink->health().round_trip == Duration::seconds(140));
  for (std::uint64_t next = 41; next < 541; next += 10) turn(next, Duration::seconds(1));
  send(kNormal, 541, 1);
  puback();
  wait(Duration::seconds(10));
  CHECK(hellos() == before + 1);
}

TEST_CASE_FIXTURE(AcksFixture,
                  "a collector that answers without having it gets it again ever more rarely") {
  open();
  turn(1, Duration::milliseconds(100));
  std::vector<double> resent_after;
  for (int i = 0; i < 5; ++i) {
    send(kNormal, 11, 1);
    puback();
    const Instant begin = clock.now();
    for (const std::size_t before = hellos(); hellos() == before;) wait(Duration::seconds(1));
    ack("normal", 10);
    REQUIRE(uplink->take_lost() == std::vector<LaneIndex>{kNormal});
    resent_after.push_back((clock.now() - begin).seconds());
  }
  CHECK(resent_after[0] == doctest::Approx(5).epsilon(0.5));
  CHECK(resent_after[4] == doctest::Approx(80).epsilon(0.1));
  send(kNormal, 11, 1);
  puback();
  ack("normal", 20);
  turn(21, Duration::milliseconds(100));
  send(kNormal, 31, 1);
  puback();
  const std::size_t before = hellos();
  wait(Duration::seconds(8));
  CHECK(hellos() == before + 1);
}

TEST_CASE_FIXTURE(AcksFixture, "what is still being posted is not asked for") {
  options.broker = "http://collector/";
  open();
  send(kNormal, 1, 1);
  wait(Duration::seconds(40));
  CHECK(hellos() == 1);
  puback();
  wait(Duration::seconds(40));
  CHECK(hellos() == 2);
}

TEST_CASE_FIXTURE(AcksFixture,
                  "the answer to an earlier hello says nothing of what was sent since") {
  open();
  turn(1, Duration::milliseconds(100));
  send(kNormal, 11, 1);
  send(0, 1, 1);
  puback();
  const Instant earlier = clock.now();
  wait(Duration::seconds(7));
  REQUIRE(hellos() == 2);  // For both lanes.
  AckMessage answer = ack_of("normal", 10);
  answer.hello = HelloEcho{earlier, {}};
  say(answer);
  CHECK(uplink->take_lost().empty());
  answer.hello->at = clock.now();
  say(answer);
  CHECK(uplink->take_lost() == std::vector<LaneIndex>{kNormal});
}

TEST_CASE_FIXTURE(AcksFixture, "that acks do not come hides no other trouble") {
  open();
  send(kNormal, 1, 1);
  puback();
  AckMessage foreign = ack_of("normal", 10);
  foreign.hash = digest_of(11);
  say(foreign);
  const std::string told = uplink->health().text;
  wait(Duration::seconds(40));
  CHECK(uplink->health().text == told);
  ack("normal", 10);
  send(kNormal, 11, 1);
  puback();
  wait(Duration::seconds(130));
  CHECK(uplink->health().text.contains("does not acknowledge"));
}

TEST_CASE_FIXTURE(AcksFixture, "on a narrow link less is in flight") {
  open();
  turn(1, Duration::milliseconds(100));
  CHECK(places() == 4);
  send(kNormal, 11, 4);
  puback();
  for (std::uint64_t last = 20; last <= 50; last += 10) {
    wait(Duration::seconds(3));
    ack("normal", last);
  }
  CHECK(places() == 2);
}

TEST_CASE_FIXTURE(AcksFixture, "on another connection it is not known how fast the way is") {
  for (const bool another : {true, false}) {
    open();
    turn(1, Duration::milliseconds(100));
    if (another) {
      down();
      wait(Duration::minutes(1));
      up();
      ack("normal", 10);
    }
    send(kNormal, 11, 2);
    puback();
    wait(Duration::seconds(3));
    ack("normal", 30);
    CHECK(places() == (another ? 4 : 2));
  }
}

}  // namespace
}  // namespace pinaflux::tests
