// An Uplink with a broker and a collector that do as they are told, and a clock that the test
// moves.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "agent/seal/messages.h"
#include "agent/uplink/uplink.h"
#include "tests/platform/mqtt/scripted.h"

namespace pinaflux::tests {

constexpr LaneIndex kNormal = 1;

struct LoopClock final : Clock {
  explicit LoopClock(const ScriptedLoop& l) : loop(l) {}
  Instant now() const override { return loop.now() + Duration::hours(1); }
  WallTime wall() const override { return {now().ns}; }
  bool synchronised() const override { return true; }
  std::uint64_t boot() const override { return 1; }
  const ScriptedLoop& loop;
};

struct CountingEntropy final : Entropy {
  void fill(MutableBytes bytes) override { std::ranges::fill(bytes, ++last); }
  std::uint8_t last = 0;
};

inline Digest digest_of(std::uint64_t last) {
  Digest digest{};
  for (std::size_t i = 0; i < 8; ++i) digest[i] = static_cast<std::uint8_t>(last >> (8 * i));
  digest[15] = 0xd1;  // Sixteen bytes travel.
  return digest;
}

struct UplinkFixture {
  struct Published {
    std::uint64_t token;
    std::string topic, payload;
    bool retained;
    std::string content_type;
    std::string identity = {};
    bool gzipped = false;
    Duration expiry{};
    std::vector<std::pair<std::string, std::string>> properties = {};
  };
  // What the broker sees of every client that the uplink makes; one lives at a time.
  struct FakeClient final : MqttClient {
    FakeClient(UplinkFixture& f, Events& e) : fixture(f), events(e) { fixture.client = this; }
    ~FakeClient() override {
      if (fixture.client == this) fixture.client = nullptr;
    }
    void connect(const MqttConnect& to) override { fixture.connects.push_back(to); }
    void disconnect() override { fixture.disconnects++; }
    Status subscribe(const std::string& filter) override {
      fixture.filters.push_back(filter);
      return {};
    }
    Result<std::uint64_t> publish(const MqttPublish& p) override {
      if (!fixture.accepts) return fail(Code::full, "full");
      const std::uint64_t token = ++fixture.last_token;
      fixture.published.push_back({token, p.topic, std::string(as_text(p.payload)), p.retained,
                                   p.content_type, p.identity, p.gzipped, p.expiry, p.properties});
      return token;
    }
    Duration rest() const override { return fixture.rest; }
    UplinkFixture& fixture;
    Events& events;
  };

  UplinkFixture() {
    options.broker = "tcp://broker:1883";
    options.gateway = "gw";
    options.lanes = {{"alarm"}, {"normal"}};
    options.window = 4;
  }
  // Connected, hello answered with nothing new for each lane.
  void open(MqttSession session = {}) {
    start();
    up(session);
    for (const auto& lane : options.lanes) ack(lane.name, 0);
  }
  void start() {
    uplink = std::make_unique<Uplink>(
        options, clock, entropy, loop,
        [this](MqttClient::Events& e) {
          ++clients;
          return std::make_unique<FakeClient>(*this, e);
        },
        [this] { ++changes; });
    for (std::size_t i = 0; i < options.lanes.size(); ++i) {
      uplink->committed(static_cast<LaneIndex>(i), epoch, 1000);
    }
    if (proof) uplink->prove_by(std::move(*proof));
    uplink->start();
  }
  void up(MqttSession session = {}) {
    REQUIRE(client != nullptr);
    client->events.connected(session);
  }
  void down(int reason = 0) {
    REQUIRE(client != nullptr);
    client->events.lost(reason, "the link broke");
  }
  void wait(Duration by) { loop.advance(by); }

  Lease lease(LaneIndex lane, std::uint64_t first, std::uint64_t last) const {
    Lease made;
    made.lane = lane;
    made.epoch = epoch;
    made.round = uplink->wish().round[lane];
    made.range = {first, last};
    made.hash = digest_of(last);
    made.records = made.range.count();
    append(made.bytes, "envelope of " + std::to_string(first) + "-" + std::to_string(last));
    return made;
  }
  // Leases of ten records each, from `first` on.
  void send(LaneIndex lane, std::uint64_t first, std::size_t count) {
    std::vector<Lease> leases;
    for (std::size_t i = 0; i < count; ++i)
      leases.push_back(lease(lane, first + i * 10, first + i * 10 + 9));
    uplink->send(std::move(leases));
  }
  AckMessage ack_of(const std::string& lane, std::uint64_t high) const {
    AckMessage message;
    message.gateway = "gw";
    message.lane = lane;
    message.epoch = epoch;
    message.high = high;
    if (high > 0) message.hash = digest_of(high);
    return message;
  }
  void say(const AckMessage& message) {
    std::string line = format(message);
    if (collector) collector->sign(Prover::Way::to_gateway, line);
    client->events.message("pinaflux/gw/ack", as_bytes(line));
  }
  void ack(const std::string& lane, std::uint64_t high) { say(ack_of(lane, high)); }
  // PUBACKs for all data that has none yet.
  void puback(int reason = 0) {
    const std::vector<Published> all = published;
    for (const Published& p : all) {
      if (p.token <= pubacked) continue;
      pubacked = p.token;
      client->events.published(p.token, reason);
    }
  }
  void send(Lease&& lease) {
    std::vector<Lease> leases;
    leases.push_back(std::move(lease));
    uplink->send(std::move(leases));
  }
  // The payloads sent to a lane since the last call.
  std::vector<std::string> sent(const std::string& lane = "normal") {
    std::vector<std::string> payloads;
    for (std::size_t i = seen; i < published.size(); ++i) {
      if (published[i].topic == "pinaflux/gw/data/" + lane)
        payloads.push_back(published[i].payload);
    }
    seen = published.size();
    return payloads;
  }
  std::vector<std::string> said(const std::string& topic) const {
    std::vector<std::string> lines;
    for (const Published& p : published) {
      if (p.topic == "pinaflux/gw" + topic) lines.push_back(p.payload);
    }
    return lines;
  }
  std::vector<std::uint64_t> highs() {
    std::vector<LaneAck> acks;
    uplink->take_acks(acks);
    std::vector<std::uint64_t> all;
    for (const LaneAck& a : acks) {
      if (a.unproved) {
        claims.push_back(a);
      } else {
        all.push_back(a.range.last);
      }
    }
    return all;
  }
  std::size_t wished(LaneIndex lane) const { return uplink->wish().envelopes[lane]; }

  ScriptedLoop loop;
  LoopClock clock{loop};
  CountingEntropy entropy;
  UplinkOptions options;
  Epoch epoch{1, 2, 3};
  std::optional<LinkProof> proof;   // Of the uplink.
  std::optional<Prover> collector;  // Its acks are proved by it.
  FakeClient* client = nullptr;
  std::vector<MqttConnect> connects;
  std::vector<std::string> filters;
  std::vector<Published> published;
  std::size_t seen = 0;
  std::uint64_t last_token = 0, pubacked = 0;
  std::vector<LaneAck> claims;  // That highs() met: acks which are not proved, and refusals.
  int disconnects = 0, clients = 0, changes = 0;
  bool accepts = true;
  Duration rest{};  // What the far end asked for.
  std::unique_ptr<Uplink> uplink;
};

}  // namespace pinaflux::tests
