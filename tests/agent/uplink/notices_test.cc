// What a gateway announces beside its data: once, retained, and never at the price of the link.

#include "platform/mqtt/reason.h"
#include "tests/agent/uplink/fixture.h"

namespace pinaflux::tests {
namespace {

constexpr const char* kTopic = "/schema/plant/press";

struct NoticesFixture : UplinkFixture {
  void reconnect() {
    const std::size_t before = connects.size();
    down();
    while (connects.size() == before) wait(Duration::seconds(1));
    up();
  }
};

TEST_CASE_FIXTURE(NoticesFixture,
                  "a text is announced once, retained, and the next one behind it") {
  start();
  CHECK_FALSE(uplink->announces());  // The link is down.
  up();
  REQUIRE(uplink->announces());
  uplink->announce("plant/press", "one");
  CHECK_FALSE(uplink->announces());
  REQUIRE(said(kTopic) == std::vector<std::string>{"one"});
  CHECK(published.back().retained);
  wait(Duration::minutes(5));
  CHECK(said(kTopic).size() == 1);
  puback();
  REQUIRE(uplink->announces());
  uplink->announce("plant/press", "two");
  CHECK(said(kTopic) == std::vector<std::string>{"one", "two"});
}

TEST_CASE_FIXTURE(NoticesFixture, "what a topic cannot hold is replaced in it") {
  open();
  uplink->announce("a+b#c", "text");
  CHECK(said("/schema/a_b_c").size() == 1);
}

TEST_CASE_FIXTURE(NoticesFixture,
                  "what the broker did not get is announced on the next connection") {
  open();
  uplink->announce("plant/press", "text");
  reconnect();
  CHECK_FALSE(uplink->announces());
  CHECK(said(kTopic).size() == 2);
  puback();
  CHECK(uplink->announces());
}

TEST_CASE_FIXTURE(NoticesFixture, "a client that has no room for it is asked again") {
  open();
  accepts = false;
  uplink->announce("plant/press", "text");
  CHECK(said(kTopic).empty());
  accepts = true;
  wait(options.ack_timeout);
  CHECK(said(kTopic).size() == 1);
}

TEST_CASE_FIXTURE(NoticesFixture, "a broker that hangs up on it three times is told no more") {
  open();
  uplink->announce("plant/press", "text");
  for (int i = 0; i < 3; ++i) reconnect();
  CHECK(said(kTopic).size() == 3);
  CHECK_FALSE(uplink->announces());
}

TEST_CASE_FIXTURE(NoticesFixture, "links that break now and then are no reason to give up") {
  open();
  for (int i = 0; i < 10; ++i) {
    REQUIRE(uplink->announces());
    uplink->announce("plant/press", "text");
    reconnect();
    puback();
  }
  CHECK(said(kTopic).size() == 20);
}

TEST_CASE_FIXTURE(NoticesFixture, "a refusal ends it, and the next one may fare better") {
  open();
  puback();
  uplink->announce("plant/press", "text");
  puback(mqtt::reason::kNotAuthorised);
  CHECK(uplink->announces());
  CHECK(uplink->health().state == UplinkHealth::State::working);
}

TEST_CASE_FIXTURE(NoticesFixture, "a text beyond what the broker takes is not announced") {
  MqttSession small;
  small.packet_bytes_max = 4096;
  open(small);
  uplink->announce("plant/press", std::string(10'000, 'x'));
  CHECK(said(kTopic).empty());
  CHECK(uplink->announces());
}

TEST_CASE_FIXTURE(NoticesFixture, "by HTTP nothing is announced") {
  options.broker = "http://cloud:8080";
  open();
  CHECK_FALSE(uplink->announces());
}

}  // namespace
}  // namespace pinaflux::tests
