#include "agent/uplink/uplink.h"

#include <doctest/doctest.h>

#include "tests/agent/uplink/fixture.h"

namespace pinaflux::tests {
namespace {

using Texts = std::vector<std::string>;
using Highs = std::vector<std::uint64_t>;

TEST_CASE_FIXTURE(UplinkFixture, "on connecting it subscribes, says that it is online, and hello") {
  options.generation = 7;
  start();
  REQUIRE(connects.size() == 1);
  CHECK(connects[0].version == 5);
  CHECK(connects[0].client_id == "pinaflux-gw");
  CHECK(connects[0].will_topic == "pinaflux/gw/status");
  CHECK(parse_status(connects[0].will_payload)->state == "lost");
  CHECK(wished(kNormal) == 0);

  up();

  CHECK(filters == Texts{"pinaflux/gw/ack"});
  REQUIRE(said("/status").size() == 1);
  CHECK(parse_status(said("/status")[0])->state == "online");
  REQUIRE(said("/hello").size() == 1);
  const Result<HelloMessage> hello = parse_hello(said("/hello")[0]);
  REQUIRE(hello.has_value());
  CHECK(hello->generation == 7);
  REQUIRE(hello->lanes.size() == 2);
  CHECK(hello->lanes[1].lane == "normal");
  CHECK(hello->lanes[1].last == 1000);
  CHECK(hello->lanes[1].floor == 1);
}

TEST_CASE_FIXTURE(UplinkFixture, "envelopes leave in order, and go when the collector has them") {
  open();
  send(kNormal, 1, 3);
  CHECK(sent() == Texts{"envelope of 1-10", "envelope of 11-20", "envelope of 21-30"});
  CHECK(published.back().content_type == "application/vnd.pinaflux.envelope");
  puback();
  CHECK(highs().empty());

  ack("normal", 20);

  CHECK(highs() == Highs{20});
  CHECK(uplink->health().in_flight == 1);
  ack("normal", 30);
  CHECK(highs() == Highs{30});
  CHECK(uplink->health().envelopes_acked == 3);
}

TEST_CASE_FIXTURE(UplinkFixture,
                  "the window holds over all lanes, and every open lane may ask for one") {
  open();
  CHECK(wished(0) + wished(1) == 4);
  send(kNormal, 1, 3);
  CHECK(wished(0) == 1);
  CHECK(wished(1) == 1);
  send(kNormal, 31, 1);
  CHECK(wished(0) == 0);
  send(0, 1, 1);
  CHECK(uplink->health().in_flight == 4);
  sent();

  ack("normal", 10);

  CHECK(sent("alarm") == Texts{"envelope of 1-10"});
}

TEST_CASE_FIXTURE(UplinkFixture, "data waits for the answer to hello, for a third of ack_timeout") {
  start();
  up();
  send(kNormal, 1, 1);
  CHECK(sent().empty());
  wait(Duration::seconds(8));
  CHECK(sent().empty());
  wait(Duration::seconds(4));
  CHECK(sent().size() == 1);
}

TEST_CASE_FIXTURE(UplinkFixture, "an ack that does not fit deletes nothing and is counted") {
  open();
  send(kNormal, 1, 2);
  AckMessage wrong = ack_of("normal", 20);
  SUBCASE("other hash") { wrong.hash = digest_of(999); }
  SUBCASE("other epoch") { wrong.epoch = Epoch{9}; }
  SUBCASE("other gateway") { wrong.gateway = "other"; }
  SUBCASE("unknown lane") { wrong.lane = "bulk"; }
  SUBCASE("beyond what was ever committed") {
    wrong.high = 5000;
    wrong.hash = digest_of(5000);
  }
  SUBCASE("in the middle of an envelope") {
    wrong.high = 15;
    wrong.hash = digest_of(15);
  }
  say(wrong);

  CHECK(highs().empty());
  CHECK(uplink->health().acks_rejected == 1);
  CHECK_FALSE(uplink->health().text.empty());
  CHECK(uplink->health().in_flight == 2);
  ack("normal", 20);
  CHECK(highs() == Highs{20});
  CHECK(uplink->health().text.empty());
}

TEST_CASE_FIXTURE(UplinkFixture,
                  "what was compared is told to the spool, with what is known of it") {
  open();
  send(kNormal, 1, 3);
  AckMessage answer = ack_of("normal", 0);
  answer.fork = true;
  answer.compared = {{{1, 10}, digest_of(10), {{1, 10}}}, {{11, 20}, digest_of(20), {{11, 14}}}};
  SUBCASE("ours") {}
  SUBCASE("and another gateway's of our name") {
    answer.compared.push_back({{21, 30}, digest_of(999), {}});
    answer.compared.push_back({{901, 5000}, digest_of(7), {}});
  }
  say(answer);

  std::vector<LaneAck> acks;
  uplink->take_acks(acks);
  REQUIRE(acks.size() == 2);
  CHECK(acks[0].range == Range{1, 10});
  CHECK_FALSE(acks[0].known.has_value());
  CHECK(acks[1].range == Range{11, 20});
  CHECK(acks[1].unproved == digest_of(20));
  CHECK(acks[1].known == std::vector<Range>{{11, 14}});
  CHECK(uplink->health().in_flight == 1);
}

TEST_CASE_FIXTURE(UplinkFixture,
                  "a lane of an earlier epoch is acknowledged beside ours of the same name") {
  const Epoch earlier{9};
  options.lanes = {{"alarm"}, {"normal"}, {"normal"}};
  start();
  uplink->committed(2, earlier, 1000);
  up();
  for (const auto& lane : options.lanes) ack(lane.name, 0);
  AckMessage old = ack_of("normal", 0);
  old.epoch = earlier;
  say(old);
  Lease lease_of_old = lease(2, 1, 10);
  lease_of_old.epoch = earlier;
  std::vector<Lease> leases;
  leases.push_back(std::move(lease_of_old));
  uplink->send(std::move(leases));
  CHECK(sent("normal") == std::vector<std::string>{"envelope of 1-10"});

  old.high = 10;
  old.hash = digest_of(10);
  say(old);

  std::vector<LaneAck> acks;
  uplink->take_acks(acks);
  REQUIRE(acks.size() == 1);
  CHECK(acks[0].lane == 2);
  CHECK(acks[0].epoch == earlier);
  CHECK(uplink->health().acks_rejected == 0);
}

struct RenamedFixture : UplinkFixture {
  static constexpr LaneIndex kOld = 2;
  const Epoch earlier{9};

  RenamedFixture() {
    options.lanes = {{"alarm"}, {"normal"}, {"normal", "old"}};
    start();
    uplink->committed(kOld, earlier, 1000);
    up();
  }
  Lease lease_of_old() {
    Lease made = lease(kOld, 1, 10);
    made.epoch = earlier;
    return made;
  }
  void send_old() {
    std::vector<Lease> leases;
    leases.push_back(lease_of_old());
    uplink->send(std::move(leases));
  }
  void say_old(std::uint64_t high) {
    AckMessage message = ack_of("normal", high);
    message.gateway = "old";
    message.epoch = earlier;
    client->events.message("pinaflux/old/ack", as_bytes(format(message)));
  }
};

TEST_CASE_FIXTURE(RenamedFixture, "what was queued under an earlier name goes out under it") {
  for (const char* lane : {"alarm", "normal"}) ack(lane, 0);
  say_old(0);

  send_old();

  CHECK(filters == std::vector<std::string>{"pinaflux/gw/ack", "pinaflux/old/ack"});
  CHECK(std::ranges::contains(published, "pinaflux/old/hello", &Published::topic));
  CHECK(published.back().topic == "pinaflux/old/data/normal");
  say_old(10);
  std::vector<LaneAck> acks;
  uplink->take_acks(acks);
  REQUIRE(acks.size() == 1);
  CHECK(acks[0].lane == kOld);
  CHECK(uplink->health().acks_rejected == 0);
}

TEST_CASE_FIXTURE(RenamedFixture, "an ack under another gateway's topic is rejected") {
  AckMessage message = ack_of("normal", 10);
  message.epoch = earlier;

  client->events.message("pinaflux/old/ack", as_bytes(format(message)));

  CHECK(highs().empty());
  CHECK(uplink->health().acks_rejected == 1);
}

TEST_CASE_FIXTURE(RenamedFixture, "a broker that denies the earlier name keeps ours working") {
  down(0x87);
  wait(Duration::seconds(2));
  up();
  for (const char* lane : {"alarm", "normal"}) ack(lane, 0);

  CHECK(wished(kOld) == 0);
  CHECK(wished(kNormal) > 0);
  CHECK(filters.back() == "pinaflux/gw/ack");
  CHECK(uplink->health().text.find("'old'") != std::string::npos);
}

TEST_CASE_FIXTURE(UplinkFixture,
                  "garbage on the ack topic is counted, and what is on other topics is not heard") {
  open();
  client->events.message("pinaflux/gw/ack", as_bytes("nonsense"));
  client->events.message("pinaflux/other/ack", as_bytes("nonsense"));
  CHECK(uplink->health().acks_rejected == 1);
}

TEST_CASE_FIXTURE(UplinkFixture, "a stale ack is ignored and not counted") {
  open();
  send(kNormal, 1, 2);
  ack("normal", 20);
  ack("normal", 10);
  ack("normal", 20);
  CHECK(highs() == Highs{20});
  CHECK(uplink->health().acks_rejected == 0);
}

TEST_CASE_FIXTURE(UplinkFixture,
                  "after a lost link everything unacknowledged is leased and sent again") {
  open();
  send(kNormal, 1, 3);
  ack("normal", 10);
  down();
  CHECK(std::ranges::contains(uplink->take_lost(), kNormal));
  CHECK(wished(kNormal) == 0);
  CHECK(uplink->health().state == UplinkHealth::State::waiting);
  wait(Duration::seconds(2));
  CHECK(connects.size() == 2);
  up();
  ack("normal", 10);
  sent();

  send(kNormal, 11, 2);

  CHECK(sent() == Texts{"envelope of 11-20", "envelope of 21-30"});
  CHECK(uplink->health().resent == 2);
}

TEST_CASE_FIXTURE(UplinkFixture, "the answer to hello proves what arrived before the link broke") {
  open();
  send(kNormal, 1, 3);
  down();
  wait(Duration::seconds(2));
  up();
  ack("normal", 20);
  CHECK(highs() == Highs{20});
  sent();

  send(kNormal, 1, 3);

  CHECK(sent() == Texts{"envelope of 21-30"});
}

TEST_CASE_FIXTURE(UplinkFixture, "an ack of an earlier run is for the spool to judge") {
  start();
  up();
  send(kNormal, 1, 2);
  ack("normal", 60);
  CHECK(highs().empty());
  REQUIRE(claims.size() == 1);
  CHECK(claims[0].range == Range{1, 60});
  CHECK(claims[0].unproved == digest_of(60));
  CHECK(uplink->take_lost() == std::vector<LaneIndex>{kNormal});
  CHECK(sent().empty());

  uplink->committed(kNormal, epoch, 1000, 60);
  send(kNormal, 51, 3);

  CHECK(sent() == Texts{"envelope of 61-70", "envelope of 71-80"});
  CHECK(uplink->health().acks_rejected == 0);
}

TEST_CASE_FIXTURE(UplinkFixture,
                  "an ack that the spool disproves is counted, and not believed again") {
  open();
  send(kNormal, 1, 2);
  ack("normal", 30);
  CHECK(highs().empty());
  CHECK(claims.size() == 1);
  CHECK(uplink->take_lost().empty());

  uplink->disproved(1);

  CHECK(uplink->health().acks_rejected == 1);
  CHECK_FALSE(uplink->health().text.empty());
  ack("normal", 30);
  CHECK(highs().empty());
  CHECK(claims.size() == 1);
  CHECK(uplink->health().in_flight == 2);
}

TEST_CASE_FIXTURE(UplinkFixture,
                  "a broker keeps for a collector that is away what is still worth it") {
  open();
  send(kNormal, 1, 1);
  CHECK(connects[0].will_delay == Duration::seconds(30));
  for (const Published& said : published) {
    CAPTURE(said.topic);
    CHECK((said.expiry == Duration::hours(1)) == !said.retained);
    CHECK(said.properties.empty());
  }
}

TEST_CASE_FIXTURE(UplinkFixture, "what a broker has acknowledged for good does not expire") {
  options.ack = UplinkOptions::Ack::broker;
  start();
  up();
  send(kNormal, 1, 1);
  CHECK(published.back().topic == "pinaflux/gw/data/normal");
  CHECK(published.back().expiry == Duration{});
}

TEST_CASE_FIXTURE(UplinkFixture, "a batch says beside itself what it is, where that is wanted") {
  options.properties = true;
  open();
  send(kNormal, 11, 1);
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  CHECK(published.back().properties == Pairs{{"gateway", "gw"},
                                             {"lane", "normal"},
                                             {"epoch", "01020300000000000000000000000000"},
                                             {"range", "11-20"}});
}

TEST_CASE_FIXTURE(UplinkFixture, "what an ack's hash does not bind stays") {
  open();
  send(kNormal, 1, 3);
  AckMessage newest = ack_of("normal", 30);
  newest.from = 21;

  say(newest);

  std::vector<LaneAck> acks;
  uplink->take_acks(acks);
  REQUIRE(acks.size() == 1);
  CHECK(acks.front().range == Range{21, 30});
  CHECK(uplink->health().acks_rejected == 0);
  CHECK(uplink->health().in_flight == 2);
}

TEST_CASE_FIXTURE(UplinkFixture, "what landed out of order goes, and what stands before it stays") {
  open();
  send(kNormal, 1, 3);
  AckMessage gap = ack_of("normal", 0);
  SUBCASE("known from its lease") {}
  SUBCASE("known from what was sent before") {
    down();
    wait(Duration::seconds(2));
    up();
  }
  gap.landed = {{{21, 30}, digest_of(30)}};

  say(gap);

  CHECK(claims.empty());
  CHECK(highs() == Highs{30});
  CHECK(uplink->health().acks_rejected == 0);
  say(gap);
  CHECK(highs().empty());
  ack("normal", 30);
  CHECK(highs() == Highs{30});
  CHECK(uplink->health().in_flight == 0);
}

TEST_CASE_FIXTURE(UplinkFixture, "a flood of acks that nothing proves is not passed on for ever") {
  open();
  send(kNormal, 1, 1);
  for (std::uint64_t high = 101; high < 999; ++high) {
    ack("normal", high);
    highs();
  }
  CHECK(claims.size() == 256);
  ack("normal", 10);
  CHECK(highs() == Highs{10});
}

TEST_CASE_FIXTURE(UplinkFixture, "one lie in an ack leaves the rest of it true") {
  open();
  send(kNormal, 1, 3);
  AckMessage mixed = ack_of("normal", 10);
  mixed.landed = {{{21, 30}, digest_of(31)}};

  say(mixed);

  CHECK(highs() == Highs{10});
  CHECK(uplink->health().acks_rejected == 1);
  CHECK(uplink->health().in_flight == 2);
}

TEST_CASE_FIXTURE(UplinkFixture, "what was leased before the link broke is not sent after it") {
  open();
  send(kNormal, 1, 2);
  Lease late = lease(kNormal, 21, 30), later = lease(kNormal, 31, 40);
  down();
  CHECK(std::ranges::contains(uplink->take_lost(), kNormal));

  send(std::move(late));  // While down.
  wait(Duration::seconds(2));
  up();
  ack("normal", 0);
  sent();
  send(std::move(later));

  CHECK(sent().empty());
  CHECK(uplink->take_lost().empty());
  send(kNormal, 1, 2);
  CHECK(sent() == Texts{"envelope of 1-10", "envelope of 11-20"});
}

TEST_CASE_FIXTURE(UplinkFixture, "in broker mode PUBACKs delete, in order") {
  options.ack = UplinkOptions::Ack::broker;
  start();
  up();
  send(kNormal, 1, 3);
  const std::uint64_t first = published[published.size() - 3].token;

  client->events.published(first + 1, 0);
  CHECK(highs().empty());
  client->events.published(first, 0);
  CHECK(highs() == Highs{20});
  client->events.published(first + 2, 0);
  CHECK(highs() == Highs{30});
}

TEST_CASE_FIXTURE(UplinkFixture,
                  "no subscriber is not delivery: the lane rests, then sends again") {
  options.ack = UplinkOptions::Ack::broker;
  start();
  up();
  send(kNormal, 1, 2);
  puback(0x10);
  CHECK(highs().empty());
  CHECK(uplink->take_lost() == std::vector<LaneIndex>{kNormal});
  CHECK(uplink->health().text.find("subscriber") != std::string::npos);
  CHECK(wished(kNormal) == 0);
  CHECK(wished(0) > 0);
  wait(Duration::seconds(10));
  CHECK(wished(kNormal) > 0);
  sent();

  send(kNormal, 1, 2);
  puback(0);

  CHECK(sent().size() == 2);
  CHECK(highs() == Highs{10, 20});
  CHECK(uplink->health().text.empty());
}

TEST_CASE_FIXTURE(UplinkFixture, "a hello that nobody reads keeps the data here") {
  start();
  up();
  puback(0x10);
  CHECK(wished(kNormal) == 0);
  wait(Duration::seconds(10));
  CHECK(said("/hello").size() == 2);
  CHECK(wished(kNormal) > 0);
}

TEST_CASE_FIXTURE(UplinkFixture, "a record larger than the broker allows says so and is kept") {
  MqttSession session;
  session.packet_bytes_max = 100;
  open(session);
  send(lease(kNormal, 1, 1));  // Given up: who knows how many there are.
  (void)uplink->take_lost();
  send(lease(kNormal, 2, 2));
  CHECK(sent().empty());
  CHECK(uplink->health().text.find("larger") != std::string::npos);
  CHECK(uplink->take_lost() == std::vector<LaneIndex>{kNormal});
}

TEST_CASE_FIXTURE(UplinkFixture, "a broker without MQTT 5 is spoken to in 3.1.1 at once") {
  start();
  down(0x84);
  wait(Duration{0});
  REQUIRE(connects.size() == 2);
  CHECK(connects[1].version == 4);
  up();
  down();
  wait(Duration::minutes(10));
  CHECK(connects[2].version == 4);
}

TEST_CASE_FIXTURE(
    UplinkFixture,
    "a broker that never answers is asked in 3.1.1 too, by new clients, ever more rarely") {
  start();
  for (int i = 0; i < 12; ++i) {
    down();
    const std::size_t before = connects.size();
    while (connects.size() == before) wait(Duration::seconds(1));
  }
  CHECK(std::ranges::count(connects, 4, &MqttConnect::version) == 3);
  CHECK(clients == 3);
}

TEST_CASE_FIXTURE(UplinkFixture, "back-off grows with every failure and has an end") {
  start();
  Duration longest{};
  for (int i = 0; i < 40; ++i) {
    down();
    const Instant from = clock.now();
    const std::size_t before = connects.size();
    while (connects.size() == before) wait(Duration::seconds(1));
    longest = std::max(longest, clock.now() - from);
  }
  CHECK(longest > Duration::seconds(30));
  CHECK(longest <= Duration::seconds(301));
}

TEST_CASE_FIXTURE(UplinkFixture, "an attempt that hangs is given up with its client") {
  start();
  wait(Duration::minutes(20));
  CHECK(clients > 1);
  CHECK(uplink->health().state != UplinkHealth::State::working);
}

TEST_CASE_FIXTURE(UplinkFixture, "stop() leaves the last committed seqs behind, retained") {
  open();
  uplink->committed(kNormal, epoch, 1234, 17);
  uplink->stop();

  const Published& last = published.back();
  CHECK(last.topic == "pinaflux/gw/status");
  CHECK(last.retained);
  const Result<StatusMessage> status = parse_status(last.payload);
  REQUIRE(status.has_value());
  CHECK(status->state == "offline");
  CHECK(status->lanes[1].last == 1234);
  CHECK(status->lanes[1].floor == 18);
  CHECK(disconnects == 1);
  CHECK_FALSE(uplink->stopped());
  CHECK(wished(kNormal) == 0);
  down();
  CHECK(uplink->stopped());
  wait(Duration::hours(1));
  CHECK(connects.size() == 1);
}

TEST_CASE_FIXTURE(UplinkFixture, "status is said again when it changed, once a minute at most") {
  open();
  wait(Duration::minutes(5));
  CHECK(said("/status").size() == 1);
  for (int i = 0; i < 120; ++i) {
    uplink->committed(kNormal, epoch, 2000 + static_cast<std::uint64_t>(i));
    wait(Duration::seconds(1));
  }
  CHECK(said("/status").size() >= 2);
  CHECK(said("/status").size() <= 4);
}

TEST_CASE_FIXTURE(UplinkFixture, "a client that is full takes the rest when a PUBACK comes") {
  open();
  accepts = false;
  send(kNormal, 1, 2);
  CHECK(sent().empty());
  accepts = true;
  puback();
  wait(Duration::seconds(3));
  CHECK(sent().size() == 2);
}

}  // namespace
}  // namespace pinaflux::tests
