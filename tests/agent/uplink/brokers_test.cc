#include "agent/uplink/brokers.h"

#include <doctest/doctest.h>

#include "tests/agent/uplink/fixture.h"

namespace pinaflux::tests {
namespace {

struct FallbackFixture : UplinkFixture {
  FallbackFixture() {
    options.broker = "tls://first:8883";
    options.fallbacks = {"tcp://second:1883"};
    options.back_off_max = Duration::seconds(2);
    start();
  }
  const std::string& tried() const { return connects.back().broker; }
  // The attempt fails, and the next one is made.
  void refuse() {
    client->events.lost(0, "no route to the first");
    wait(Duration::seconds(3));
  }
  void fall_back() {
    refuse();
    CHECK(tried() == options.broker);
    refuse();
    REQUIRE(tried() == options.fallbacks[0]);
    up();
    for (const auto& lane : options.lanes) ack(lane.name, 0);
  }
  // The client that tries the first one, beside the link's.
  FakeClient* probe() {
    FakeClient* link = client;
    const std::size_t before = connects.size();
    wait(options.return_every + Duration::seconds(2));
    REQUIRE(connects.size() == before + 1);
    return std::exchange(client, link);
  }
};

TEST_CASE_FIXTURE(FallbackFixture,
                  "a broker that fails twice is left for the next, and that for the first again") {
  fall_back();
  CHECK(uplink->health().state == UplinkHealth::State::working);
  CHECK(uplink->health().broker == "tcp://second:1883");
  CHECK(uplink->health().text ==
        "over the fall-back, because of tls://first:8883: no route to the first");
  CHECK(wished(1) > 0);
  // A link that was up is tried again before another is.
  down();
  wait(Duration::seconds(3));
  CHECK(tried() == options.fallbacks[0]);
  refuse();
  refuse();
  CHECK(tried() == options.broker);
  up();
  CHECK(uplink->health().broker == "tls://first:8883");
  CHECK(uplink->health().text.empty());
}

TEST_CASE_FIXTURE(
    FallbackFixture,
    "the first is tried beside the fall-back, and the link goes back once it answers") {
  fall_back();
  FakeClient* first = probe();
  CHECK(tried() == options.broker);
  CHECK(connects.back().client_id == "pinaflux-gw-probe");
  CHECK(connects.back().will_topic.empty());
  first->events.lost(0, "still no route");
  wait(Duration::seconds(5));
  CHECK(disconnects == 0);
  CHECK(uplink->health().broker == options.fallbacks[0]);

  FakeClient* second = probe();
  (void)uplink->take_lost();
  send(1, 1, 1);
  second->events.connected({});
  CHECK(disconnects == 1);  // The probe's.
  wait(Duration::seconds(3));
  CHECK(disconnects == 2);
  CHECK(said("/status").back().contains("state=offline"));
  down();
  wait(Duration::milliseconds(1));
  CHECK(tried() == options.broker);
  CHECK(connects.back().client_id == "pinaflux-gw");
  CHECK(std::ranges::contains(uplink->take_lost(), 1));
  up();
  CHECK(uplink->health().text.empty());
  const std::size_t all = connects.size();
  wait(options.return_every * 3);
  CHECK(connects.size() == all);
}

TEST_CASE_FIXTURE(FallbackFixture, "a broker that takes us and drops us is left, too") {
  for (int i = 0; i < 2; ++i) {
    CHECK(tried() == options.broker);
    up();
    down();
    wait(Duration::seconds(3));
  }
  CHECK(tried() == options.fallbacks[0]);
}

TEST_CASE_FIXTURE(
    FallbackFixture,
    "a first broker that takes a connection and no more is asked more and more rarely") {
  fall_back();
  const Duration every = options.return_every;
  for (const int times : {1, 2, 4, 8, 12, 12}) {
    CAPTURE(times);
    const std::size_t before = connects.size();
    wait(every * times - Duration::seconds(10));
    CHECK(connects.size() == before);
    FakeClient* link = client;
    wait(Duration::seconds(20));
    REQUIRE(connects.size() == before + 1);
    FakeClient* probing = std::exchange(client, link);
    probing->events.connected({});
    wait(Duration::seconds(3));
    down();  // The fall-back is left,
    wait(Duration::milliseconds(1));
    for (int i = 0; i < 2; ++i) {
      REQUIRE(tried() == options.broker);
      up();
      down();  // and the first one is none.
      wait(Duration::seconds(3));
    }
    REQUIRE(tried() == options.fallbacks[0]);
    up();
  }
}

TEST_CASE_FIXTURE(FallbackFixture,
                  "brokers that hang up without a word are asked in 3.1.1 the next time round") {
  for (int i = 0; i < 4; ++i) {
    CHECK(connects.back().version == 5);
    refuse();
  }
  CHECK(tried() == options.broker);
  CHECK(connects.back().version == 5);
  refuse();
  CHECK(tried() == options.broker);
  CHECK(connects.back().version == 4);
}

TEST_CASE_FIXTURE(FallbackFixture, "a first broker that knows another version only is there") {
  fall_back();
  probe()->events.lost(0x84, "unsupported version");
  wait(Duration::seconds(3));
  CHECK(disconnects == 1);
}

TEST_CASE_FIXTURE(UplinkFixture, "without a fall-back there is nothing to try beside the broker") {
  options.back_off_max = Duration::seconds(2);
  start();
  for (int i = 0; i < 6; ++i) {
    down();
    wait(Duration::seconds(3));
    CHECK(connects.back().broker == options.broker);
  }
  up();
  const std::size_t all = connects.size();
  wait(Duration::hours(1));
  CHECK(connects.size() == all);
}

}  // namespace
}  // namespace pinaflux::tests
