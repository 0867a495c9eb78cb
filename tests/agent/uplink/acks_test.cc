#include "tests/agent/uplink/fixture.h"

namespace pinaflux::tests {
namespace {

constexpr LaneIndex kNormal = 1;

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
