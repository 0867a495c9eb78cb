#include <doctest/doctest.h>

#include "tests/agent/uplink/fixture.h"
#include "tests/kit/sealed_rows.h"

namespace pinaflux::tests {
namespace {

struct HttpFixture : UplinkFixture {
  HttpFixture() { options.broker = "https://collector/{topic}"; }
};

TEST_CASE_FIXTURE(
    HttpFixture,
    "to a collector by HTTP all is said as by MQTT, and what is sent has a name of its own") {
  open();
  CHECK(said("/hello").size() == 1);
  CHECK(said("/status").size() == 1);
  send(kNormal, 1, 1);
  REQUIRE(sent().size() == 1);
  CHECK(published.back().identity == "gw/01020300000000000000000000000000/normal/1-10");
  down();
  wait(Duration::seconds(5));
  up();
  ack("normal", 0);
  send(kNormal, 1, 1);
  CHECK(published.back().identity == "gw/01020300000000000000000000000000/normal/1-10");
}

TEST_CASE_FIXTURE(HttpFixture, "a token in a URL's query is told to nobody but the server") {
  options.broker = "https://collector/write?token=t0ps3cret";
  options.fallbacks = {"https://other/write?token=t0ps3cret"};
  options.back_off_max = Duration::seconds(2);
  start();
  CHECK(connects.back().broker == options.broker);
  CHECK(uplink->health().broker == "https://collector/write?...");
  wait(Duration::minutes(2));
  CHECK_FALSE(uplink->health().text.contains("t0ps3cret"));
  for (int attempt = 0; attempt < 2; ++attempt) {
    client->events.lost(0, "no route");
    wait(Duration::seconds(3));
  }
  up();
  CHECK(uplink->health().broker == "https://other/write?...");
  CHECK(uplink->health().text.starts_with(
      "over the fall-back, because of https://collector/write?...: "));
}

TEST_CASE_FIXTURE(HttpFixture, "a receiver of JSON or lines by HTTP gets data only") {
  options.ack = UplinkOptions::Ack::broker;
  options.output.format = OutputFormat::influx;
  start();
  up();
  wait(Duration::minutes(3));
  CHECK(published.empty());
  uplink->stop();
  CHECK(published.empty());
  CHECK(disconnects == 1);
}

TEST_CASE_FIXTURE(HttpFixture, "what is sent is compressed where that is wanted, and says so") {
  kit::SealedRows rows;
  rows.row("pump", {"speed"}, {Value::int64(3)}, {1'700'000'000'000'000'000, 0});
  options.ack = UplinkOptions::Ack::broker;
  options.output.format = OutputFormat::json;
  options.output.gzip = true;
  SUBCASE("by HTTP") {}
  SUBCASE("by MQTT, as a user property") { options.broker = "tcp://broker:1883"; }
  start();
  up();
  Lease one = lease(kNormal, 1, 1);
  one.bytes = rows.envelope();
  send(std::move(one));
  CHECK(published.back().payload.starts_with("\x1f\x8b"));
  CHECK(published.back().gzipped);
  const std::vector<std::pair<std::string, std::string>> said{{"content-encoding", "gzip"}};
  CHECK((published.back().properties == said) == !options.broker.starts_with("http"));
}

TEST_CASE_FIXTURE(HttpFixture, "the far end says when it wants to be called again") {
  open();
  rest = Duration::minutes(7);
  down(503);
  rest = {};
  const std::size_t before = connects.size();
  wait(Duration::seconds(419));
  CHECK(connects.size() == before);
  wait(Duration::seconds(2));
  CHECK(connects.size() == before + 1);
  down();
  wait(Duration::seconds(10));
  CHECK(connects.size() == before + 2);
}

TEST_CASE_FIXTURE(HttpFixture,
                  "statuses that are about the data split it, others let the lane rest") {
  open();
  puback();
  send(kNormal, 1, 1);
  SUBCASE("413") { puback(413); }
  SUBCASE("400") { puback(400); }
  SUBCASE("422") { puback(422); }
  std::vector<LaneAck> acks;
  uplink->take_acks(acks);
  const bool split = !acks.empty();
  if (!split) puback(403);
  uplink->take_acks(acks);
  CHECK(acks.size() == (split ? 1u : 0u));
  CHECK((wished(kNormal) > 0) == split);
  CHECK_FALSE(uplink->health().text.empty());
}

TEST_CASE_FIXTURE(HttpFixture,
                  "a post costs a budget more than a publish, and nothing keeps it alive") {
  options.budget.day = 1'000'000;
  open();
  const std::uint64_t before = uplink->health().used_today;
  wait(Duration::minutes(10));
  CHECK(uplink->health().used_today == before);
  Group group;
  uplink->save(group);
  uplink->saved();
  send(kNormal, 1, 1);
  const std::uint64_t first = uplink->health().used_today - before;
  send(kNormal, 11, 1);
  const std::uint64_t second = uplink->health().used_today - before - first;
  // TLS over again, if the server has given the connection up.
  CHECK(second < 3'000);
  CHECK(first > second + 10'000);
}

}  // namespace
}  // namespace pinaflux::tests
