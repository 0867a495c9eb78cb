#include <doctest/doctest.h>

#include "tests/agent/uplink/fixture.h"

namespace pinaflux::tests {
namespace {

constexpr WallTime kReceived{1'700'000'000};

struct HelloFixture : UplinkFixture {
  void open_untrusted() {
    start();
    uplink->clock_trusted(false);
    up();
  }
  HelloMessage hello(std::size_t number) const {
    const auto all = said("/hello");
    REQUIRE(number < all.size());
    auto parsed = parse_hello(all[number]);
    REQUIRE(parsed.has_value());
    return *parsed;
  }
  std::size_t hellos() const { return said("/hello").size(); }
  // The collector answers the hello of that moment.
  void answer(Instant at) {
    AckMessage message = ack_of("normal", 0);
    message.hello = HelloEcho{at, kReceived};
    say(message);
  }
};

TEST_CASE_FIXTURE(HelloFixture,
                  "hello says which boot this is, how old it is, and whether its calendar counts") {
  open_untrusted();
  REQUIRE(hello(0).clock.has_value());
  CHECK(*hello(0).clock == HelloClock{clock.boot(), clock.now(), false});
  CHECK_FALSE(hello(0).answer.has_value());
  down();
  uplink->clock_trusted(true);
  wait(Duration::minutes(6));
  up();
  CHECK(hello(1).clock->trusted);
}

TEST_CASE_FIXTURE(
    HelloFixture,
    "an untrusted clock's hello that was answered is followed by how long that took") {
  open_untrusted();
  const Instant at = clock.now();
  wait(Duration::milliseconds(300));

  answer(at);

  REQUIRE(hellos() == 2);
  CHECK(hello(1).answer == HelloAnswer{{at, kReceived}, Duration::milliseconds(300)});
  answer(at);
  answer(hello(1).clock->at);
  CHECK(hellos() == 2);
}

TEST_CASE_FIXTURE(HelloFixture, "the answer to an earlier hello measures nothing") {
  open_untrusted();
  answer(Instant{clock.now().ns - 1});
  CHECK(hellos() == 1);
}

TEST_CASE_FIXTURE(HelloFixture, "a trusted clock's hello is said once") {
  start();
  up();
  answer(hello(0).clock->at);
  wait(Duration::hours(2));
  CHECK(hellos() == 1);
}

TEST_CASE_FIXTURE(
    HelloFixture,
    "an untrusted clock says hello each hour, and a minute after one that took long") {
  open_untrusted();
  answer(clock.now());
  REQUIRE(hellos() == 2);
  wait(Duration::minutes(59));
  CHECK(hellos() == 2);
  wait(Duration::minutes(2));
  REQUIRE(hellos() == 3);

  const Instant at = hello(2).clock->at;
  wait(Duration::seconds(30));
  answer(at);
  REQUIRE(hellos() == 4);
  wait(Duration::seconds(65));

  CHECK(hellos() == 5);
}

}  // namespace
}  // namespace pinaflux::tests
