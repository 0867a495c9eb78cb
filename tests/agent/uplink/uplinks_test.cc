#include "agent/uplink/uplinks.h"

#include <map>

#include "tests/agent/uplink/fixture.h"

namespace pinaflux::tests {
namespace {

// Three lanes of the spool: 0 and 2 leave by "scada", 1 by the first.
struct UplinksFixture {
  struct Far final : MqttClient {
    Far(UplinksFixture& f, Events& e) : fixture(f), events(e) {}
    void connect(const MqttConnect& to) override {
      broker = to.broker;
      id = to.client_id;
      fixture.far[broker] = this;
    }
    void disconnect() override { goodbye = true; }
    Status subscribe(const std::string&) override { return {}; }
    Result<std::uint64_t> publish(const MqttPublish& p) override {
      if (p.topic.contains("/data/")) topics.push_back(p.topic);
      return ++fixture.tokens;
    }
    void ack(const std::string& lane, std::uint64_t high, std::uint64_t hash_of) const {
      AckMessage message;
      message.gateway = "gw";
      message.lane = lane;
      message.epoch = Epoch{1};
      message.high = high;
      if (high > 0) message.hash = digest_of(hash_of);
      events.message("pinaflux/gw/ack", as_bytes(format(message)));
    }

    UplinksFixture& fixture;
    Events& events;
    std::string broker, id;
    std::vector<std::string> topics;
    bool goodbye = false;
  };

  UplinksFixture() { start(); }
  void start(std::uint64_t of_a_day = 0,
             UplinkOptions::Ack of_second = UplinkOptions::Ack::collector) {
    UplinkOptions first, second;
    first.broker = "tcp://a:1883";
    first.window = 4;
    first.gateway = second.gateway = "gw";
    first.lanes = {{"normal"}};
    second.name = "scada";
    second.broker = "tcp://b:1883";
    second.window = 2;
    second.ack = of_second;
    second.lanes = {{"alarm"}, {"bulk"}};
    second.budget.day = of_a_day;
    std::vector<Uplinks::Part> parts;
    parts.push_back({first, {1}});
    parts.push_back({second, {0, 2}});
    uplinks = std::make_unique<Uplinks>(std::move(parts),
                                        Uplinks::Host{clock, entropy, loop, make_client, {}});
    for (LaneIndex lane = 0; lane < 3; ++lane) uplinks->committed(lane, Epoch{1}, 100, 0);
    uplinks->start();
  }
  Far& up(const std::string& broker, std::vector<std::string> lanes, MqttSession session = {}) {
    Far& client = *far.at(broker);
    client.events.connected(session);
    for (const std::string& lane : lanes) client.ack(lane, 0, 0);
    return client;
  }
  Lease lease(LaneIndex lane, std::uint64_t first) const {
    Lease made;
    made.lane = lane;
    made.epoch = Epoch{1};
    made.round = uplinks->wish().round[lane];
    made.range = {first, first + 9};
    made.hash = digest_of(first + 9);
    made.records = 10;
    append(made.bytes, "envelope");
    return made;
  }
  void send(std::vector<LaneIndex> lanes) {
    std::vector<Lease> leases;
    for (const LaneIndex lane : lanes) leases.push_back(lease(lane, 1));
    uplinks->send(std::move(leases));
  }
  std::vector<LaneAck> acks() {
    std::vector<LaneAck> all;
    uplinks->take_acks(all);
    return all;
  }

  ScriptedLoop loop;
  LoopClock clock{loop};
  CountingEntropy entropy;
  std::map<std::string, Far*> far;
  std::uint64_t tokens = 0;
  MqttClientMaker make_client = [this](MqttClient::Events& e) {
    return std::make_unique<Far>(*this, e);
  };
  std::unique_ptr<Uplinks> uplinks;
};

using Strings = std::vector<std::string>;

TEST_CASE_FIXTURE(UplinksFixture, "each lane leaves by its own uplink, and its acks come back") {
  Far& a = up("tcp://a:1883", {"normal"});
  Far& b = up("tcp://b:1883", {"alarm", "bulk"});
  CHECK(a.id == "pinaflux-gw");
  CHECK(b.id == "pinaflux-gw-uplink-scada");

  send({0, 1, 2});

  CHECK(a.topics == Strings{"pinaflux/gw/data/normal"});
  CHECK(b.topics == Strings{"pinaflux/gw/data/alarm", "pinaflux/gw/data/bulk"});
  b.ack("bulk", 10, 10);
  auto told = acks();
  REQUIRE(told.size() == 1);
  CHECK(told[0].lane == 2);
  CHECK(told[0].range == Range{1, 10});
  a.ack("normal", 10, 10);
  b.ack("alarm", 10, 10);
  told = acks();
  REQUIRE(told.size() == 2);
  CHECK(told[0].lane == 1);
  CHECK(told[1].lane == 0);
  a.ack("alarm", 20, 20);
  CHECK(acks().empty());
  CHECK(uplinks->health(0).acks_rejected == 1);
}

TEST_CASE_FIXTURE(UplinksFixture,
                  "an uplink that is down takes nothing, and keeps no other from it") {
  up("tcp://a:1883", {"normal"});
  LeaseWish wish = uplinks->wish();
  CHECK(wish.envelopes[0] == 0);
  CHECK(wish.envelopes[1] == 4);
  CHECK(wish.envelopes[2] == 0);

  MqttSession small;
  small.packet_bytes_max = 20'000;
  Far& b = up("tcp://b:1883", {"alarm", "bulk"}, small);
  wish = uplinks->wish();
  CHECK(wish.envelopes[0] + wish.envelopes[2] == 2);
  CHECK(wish.bytes_max[0] < 20'000);
  CHECK(wish.bytes_max[1] == limits::kEnvelopeBytesMax);

  send({2});
  const std::uint32_t round = uplinks->wish().round[2];
  b.events.lost(0, "the link broke");
  CHECK(std::ranges::contains(uplinks->take_lost(), LaneIndex{2}));
  CHECK(uplinks->wish().round[2] != round);
  CHECK(uplinks->wish().envelopes[1] > 0);
}

TEST_CASE_FIXTURE(UplinksFixture,
                  "an ack that the spool finds false is held against who passed it on") {
  up("tcp://a:1883", {"normal"});
  Far& b = up("tcp://b:1883", {"alarm", "bulk"});
  b.ack("alarm", 50, 50);
  REQUIRE(acks().size() == 1);
  Group group;
  uplinks->save(group);

  uplinks->disproved(1);

  CHECK(uplinks->health(0).acks_rejected == 0);
  CHECK(uplinks->health(1).acks_rejected == 1);
}

TEST_CASE_FIXTURE(UplinksFixture, "times that nobody resolves wait for a link of their own") {
  CHECK_FALSE(uplinks->unresolved_works());
  up("tcp://a:1883", {"normal"});
  up("tcp://b:1883", {"alarm", "bulk"});
  CHECK_FALSE(uplinks->unresolved_works());
  start(0, UplinkOptions::Ack::broker);
  up("tcp://a:1883", {"normal"});
  CHECK_FALSE(uplinks->unresolved_works());
  far.at("tcp://b:1883")->events.connected({});
  CHECK(uplinks->unresolved_works());
}

TEST_CASE_FIXTURE(UplinksFixture, "a budget is kept under its uplink's name") {
  CHECK_FALSE(uplinks->save_due());
  start(1'048'576);
  up("tcp://b:1883", {"alarm", "bulk"});
  REQUIRE(uplinks->save_due());
  Group group;

  uplinks->save(group);

  REQUIRE(group.states.size() == 1);
  CHECK(group.states[0].key == "uplink/budget/scada");
  uplinks->saved();
  CHECK(uplinks->health(1).bounded);
  CHECK_FALSE(uplinks->health(0).bounded);
}

TEST_CASE_FIXTURE(UplinksFixture, "an uplink without lanes is there, and asks for nothing") {
  std::vector<Uplinks::Part> parts;
  UplinkOptions idle;
  idle.broker = "tcp://c:1883";
  idle.gateway = "gw";
  parts.push_back({idle, {}});
  UplinkOptions other = idle;
  other.name = "other";
  other.broker = "tcp://d:1883";
  other.lanes = {{"normal"}};
  parts.push_back({other, {0}});
  uplinks = std::make_unique<Uplinks>(std::move(parts),
                                      Uplinks::Host{clock, entropy, loop, make_client, {}});
  uplinks->start();
  Far& c = up("tcp://c:1883", {});
  loop.advance(Duration::minutes(10));
  CHECK(uplinks->health(0).state == UplinkHealth::State::working);
  CHECK(uplinks->wish().envelopes[0] == 0);
  CHECK(c.topics.empty());
  up("tcp://d:1883", {"normal"});
  CHECK(uplinks->wish().envelopes[0] > 0);
  uplinks->stop();
  CHECK(c.goodbye);
}

TEST_CASE_FIXTURE(UplinksFixture, "all of them say goodbye") {
  Far& a = up("tcp://a:1883", {"normal"});
  Far& b = up("tcp://b:1883", {"alarm", "bulk"});
  uplinks->stop();
  CHECK(a.goodbye);
  CHECK(b.goodbye);
}

}  // namespace
}  // namespace pinaflux::tests
