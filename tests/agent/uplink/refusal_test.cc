#include <deque>

#include <doctest/doctest.h>

#include "agent/data/limits.h"
#include "platform/mqtt/reason.h"
#include "tests/agent/uplink/fixture.h"

namespace pinaflux::tests {
namespace {

constexpr Duration kUntilRest = Duration::seconds(4);

struct RefusalFixture : UplinkFixture {
  // The collector says that it cannot take what ends at `last`.
  void refuse(std::uint64_t first, std::uint64_t last, std::uint64_t high = 0) {
    AckMessage message = ack_of("normal", high);
    message.refused = {{{first, last}, digest_of(last), "damaged"}};
    say(message);
  }
  // What the spool is told since the last call.
  std::vector<LaneAck> refusals() {
    claims.clear();
    (void)highs();
    std::vector<LaneAck> all;
    for (const LaneAck& claim : claims) {
      if (claim.refused) all.push_back(claim);
    }
    return all;
  }
  // A record alone, sent and refused until it is given up; how often it was.
  std::size_t refuse_alone(std::uint64_t seq, std::uint64_t high) {
    for (int time = 0; time < 2; ++time) {
      send(lease(kNormal, seq, seq));
      refuse(seq, seq, high);
    }
    return refusals().size();
  }
  bool says(const std::string& text) const {
    return uplink->health().text.find(text) != std::string::npos;
  }
};

TEST_CASE_FIXTURE(RefusalFixture,
                  "what the collector refuses is sent once more, then given back to be split") {
  open();
  send(kNormal, 1, 2);
  refuse(1, 10);
  CHECK(refusals().empty());
  CHECK(uplink->take_lost() == std::vector<LaneIndex>{kNormal});
  send(kNormal, 1, 2);
  refuse(1, 10);

  const auto told = refusals();
  REQUIRE(told.size() == 1);
  CHECK(told[0].lane == kNormal);
  CHECK(told[0].epoch == epoch);
  CHECK(told[0].range == Range{1, 10});
  CHECK(told[0].unproved == digest_of(10));
  CHECK(told[0].refused == "damaged");
  CHECK(uplink->take_lost() == std::vector<LaneIndex>{kNormal});
  CHECK(wished(kNormal) > 0);
  CHECK(says("it is split until the record is found"));
}

TEST_CASE_FIXTURE(RefusalFixture, "several are refused in turn, and each is given back") {
  open();
  for (int time = 0; time < 2; ++time) {
    send(kNormal, 1, 3);
    AckMessage message = ack_of("normal", 0);
    for (const std::uint64_t last : {10u, 20u, 30u})
      message.refused.push_back({{last - 9, last}, digest_of(last), "damaged"});
    say(message);
    CHECK(refusals().size() == (time == 0 ? 0u : 3u));
  }
}

TEST_CASE_FIXTURE(RefusalFixture, "a refusal that fits nothing that was sent is nobody's") {
  open();
  send(kNormal, 1, 1);
  for (int time = 0; time < 3; ++time) {
    refuse(1, 20);
    refuse(2, 10);
    refuse(11, 20);
  }
  CHECK(refusals().empty());
  CHECK(uplink->take_lost().empty());
  ack("normal", 10);
  CHECK(uplink->health().envelopes_acked == 1);
}

TEST_CASE_FIXTURE(RefusalFixture,
                  "one record is given up at once, the next only where something else is taken") {
  open();
  ack("normal", 4);
  (void)refusals();
  CHECK(refuse_alone(5, 4) == 1);
  CHECK(refuse_alone(6, 4) == 0);
  CHECK(wished(kNormal) > 0);
  wait(kUntilRest);
  CHECK(wished(kNormal) == 0);
  CHECK(says("takes nothing else"));
  wait(Duration::seconds(30));
  CHECK(wished(kNormal) > 0);
  send(lease(kNormal, 7, 7));
  send(lease(kNormal, 6, 6));
  AckMessage message = ack_of("normal", 4);
  message.landed = {{{7, 7}, digest_of(7)}};
  message.refused = {{{6, 6}, digest_of(6), "damaged"}};
  say(message);
  REQUIRE(refusals().size() == 1);
  CHECK(says("kept as a dead letter"));
}

// The answers come while more of it is on its way.
TEST_CASE_FIXTURE(RefusalFixture,
                  "a far end that refuses everything is left alone, however much there is") {
  open();
  ack("normal", 4);
  (void)refusals();
  REQUIRE(refuse_alone(5, 4) == 1);
  std::deque<std::uint64_t> unanswered;
  std::uint64_t next = 6;
  int sent = 0;
  for (; sent < 5'000 && !says("takes nothing else"); ++sent) {
    send(lease(kNormal, next, next));
    unanswered.push_back(next++);
    if (unanswered.size() < 3) continue;
    refuse(unanswered.front(), unanswered.front(), 4);
    unanswered.pop_front();
    if (!uplink->take_lost().empty()) next = 6;
  }
  CHECK(says("takes nothing else"));
  CHECK(sent < 5'000);
}

// Each of what is in flight holds such a record, and the collector answers one by one.
TEST_CASE_FIXTURE(
    RefusalFixture,
    "a record that may not be given up yet keeps no batch behind it from being split") {
  open();
  ack("normal", 4);
  (void)refusals();
  REQUIRE(refuse_alone(5, 4) == 1);
  const auto send_both = [&] {
    send(lease(kNormal, 6, 6));
    send(lease(kNormal, 7, 16));
  };
  for (int time = 0; time < 2; ++time) {
    send_both();
    refuse(6, 6, 4);
    refuse(7, 16, 4);
  }
  send_both();
  refuse(6, 6, 4);
  CHECK(wished(kNormal) > 0);
  CHECK(refusals().empty());
  refuse(7, 16, 4);

  const auto told = refusals();
  REQUIRE(told.size() == 1);
  CHECK(told[0].range == Range{7, 16});

  send(lease(kNormal, 6, 6));
  send(lease(kNormal, 7, 11));
  refuse(6, 6, 4);
  AckMessage message = ack_of("normal", 4);
  message.landed = {{{7, 11}, digest_of(11)}};
  say(message);
  REQUIRE(refusals().size() == 1);
  CHECK(says("kept as a dead letter"));
}

TEST_CASE_FIXTURE(RefusalFixture, "what another lane delivers says nothing of this one") {
  open();
  CHECK(refuse_alone(11, 10) == 1);
  send(0, 1, 3);
  ack("alarm", 30);
  CHECK(refuse_alone(12, 10) == 0);
}

TEST_CASE_FIXTURE(RefusalFixture,
                  "what comes back although it was given back waits: the spool has no room") {
  open();
  const auto refuse_batch = [&] {
    send(kNormal, 1, 1);
    refuse(1, 10);
    return refusals().size();
  };
  CHECK(refuse_batch() == 0);
  CHECK(refuse_batch() == 1);
  CHECK(wished(kNormal) > 0);
  CHECK(refuse_batch() == 0);
  wait(kUntilRest);
  CHECK(wished(kNormal) == 0);
  wait(Duration::seconds(30));
  CHECK(refuse_batch() == 1);
}

TEST_CASE_FIXTURE(
    RefusalFixture,
    "the last part of a split envelope is not the whole, though it has its end and hash") {
  open();
  Lease part = lease(kNormal, 6, 10);
  part.hash = digest_of(10);
  send(lease(kNormal, 1, 5));
  send(std::move(part));
  AckMessage message = ack_of("normal", 0);
  message.compared = {{{1, 10}, digest_of(10), {{6, 10}}}};
  say(message);
  CHECK(uplink->health().in_flight == 2);
}

struct BrokerRefusalFixture : RefusalFixture {
  BrokerRefusalFixture() {
    options.ack = UplinkOptions::Ack::broker;
    start();
    up();
    puback();
  }
  // The record `seq` is malformed, what is sent behind it is not.
  void send_and_answer(std::uint64_t seq, std::uint64_t behind) {
    send(lease(kNormal, seq, seq));
    const std::uint64_t bad = last_token;
    for (std::uint64_t i = 0; i < behind; ++i) send(lease(kNormal, seq + 1 + i, seq + 1 + i));
    for (std::uint64_t token = bad + 1; token <= last_token; ++token)
      client->events.published(token, 0);
    client->events.published(bad, 400);
  }
};

TEST_CASE_FIXTURE(BrokerRefusalFixture,
                  "a record at the front is given up because of what stands behind it") {
  send_and_answer(1, 0);
  CHECK(refusals().size() == 1);
  for (std::uint64_t seq = 2; seq < 20; ++seq) {
    CAPTURE(seq);
    send_and_answer(seq, 1);
    CHECK(refusals().size() == 1);
  }
}

TEST_CASE_FIXTURE(BrokerRefusalFixture, "but where nothing is taken, none but the first") {
  send_and_answer(1, 0);
  CHECK(refusals().size() == 1);
  for (std::uint64_t seq = 2; seq < 5; ++seq) {
    send_and_answer(seq, 0);
    CHECK(refusals().empty());
    wait(Duration::minutes(2));
  }
}

TEST_CASE_FIXTURE(RefusalFixture, "one is given up for each that is taken, eight at most") {
  open();
  send(kNormal, 1, 1);
  ack("normal", 10);
  CHECK(refuse_alone(11, 10) == 1);
  CHECK(refuse_alone(12, 10) == 1);
  CHECK(refuse_alone(13, 10) == 0);
  wait(Duration::seconds(30));
  send(kNormal, 21, 1);
  AckMessage message = ack_of("normal", 10);
  message.landed = {{{21, 30}, digest_of(30)}};
  say(message);
  CHECK(refuse_alone(14, 10) == 1);
  for (std::uint64_t last = 40; last <= 300; last += 10) {
    send(kNormal, last - 9, 1);
    message.landed = {{{21, last}, digest_of(last)}};
    say(message);
  }
  (void)refusals();
  std::size_t given_up = 0;
  for (std::uint64_t seq = 301; seq < 320; ++seq) {
    given_up += refuse_alone(seq, 10);
    if (uplink->health().text.find("takes nothing else") != std::string::npos) break;
  }
  CHECK(given_up == 8);
}

TEST_CASE_FIXTURE(RefusalFixture, "that a loss was taken says nothing of records") {
  open();
  Lease loss = lease(kNormal, 1, 10);
  loss.records = 0;
  send(std::move(loss));
  ack("normal", 10);
  CHECK(refuse_alone(11, 10) == 1);
  CHECK(refuse_alone(12, 10) == 0);
}

TEST_CASE_FIXTURE(RefusalFixture, "what declares a loss cannot be split: the lane rests") {
  open();
  for (int time = 0; time < 2; ++time) {
    Lease loss = lease(kNormal, 1, 10);
    loss.records = 0;
    send(std::move(loss));
    refuse(1, 10);
  }
  CHECK(refusals().empty());
  wait(kUntilRest);
  CHECK(wished(kNormal) == 0);
}

TEST_CASE_FIXTURE(RefusalFixture,
                  "as many bad records as the window has places keep no good one from it") {
  open();
  ack("normal", 4);
  (void)refusals();
  REQUIRE(refuse_alone(5, 4) == 1);
  // The first refusal of each has all of them sent again.
  for (std::size_t time = 0; time <= options.window; ++time) {
    for (std::uint64_t seq = 11; seq < 11 + options.window; ++seq) send(lease(kNormal, seq, seq));
    for (std::uint64_t seq = 11; seq < 11 + options.window; ++seq) refuse(seq, seq, 4);
  }
  CHECK(refusals().empty());
  CHECK(wished(kNormal) > 0);
  send(lease(kNormal, 15, 24));
  REQUIRE(sent().back() == "envelope of 15-24");
  AckMessage message = ack_of("normal", 4);
  message.landed = {{{15, 24}, digest_of(24)}};
  say(message);
  CHECK(refusals().size() == 1);
}

TEST_CASE_FIXTURE(RefusalFixture, "more than that of bad records alone, and the lane rests") {
  open();
  ack("normal", 4);
  (void)refusals();
  REQUIRE(refuse_alone(5, 4) == 1);
  std::uint64_t seq = 11;
  const auto refuse_next = [&] {
    send(lease(kNormal, seq, seq));
    refuse(seq, seq, 4);
    ++seq;
  };
  for (std::size_t i = 0; i < limits::kWindowMax; ++i) refuse_next();
  seq = 11;
  for (std::size_t i = 0; i + 1 < limits::kWindowMax; ++i) {
    refuse_next();
    REQUIRE(wished(kNormal) > 0);
  }
  refuse_next();
  CHECK(wished(kNormal) == 0);
  CHECK(says("takes nothing else"));
}

TEST_CASE_FIXTURE(
    RefusalFixture,
    "what the spool cannot split now waits for the lane's rest, whatever else is taken") {
  open();
  const auto refuse_batch = [&] {
    send(lease(kNormal, 1, 10));
    refuse(1, 10);
    return refusals().size();
  };
  CHECK(refuse_batch() == 0);
  CHECK(refuse_batch() == 1);
  CHECK(refuse_batch() == 0);
  for (std::uint64_t first = 11; first < 51; first += 10) {
    send(lease(kNormal, first, first + 9));
    AckMessage message = ack_of("normal", 0);
    message.landed = {{{11, first + 9}, digest_of(first + 9)}};
    say(message);
    CHECK(refusals().empty());
  }
  wait(kUntilRest);
  CHECK(wished(kNormal) == 0);
  wait(Duration::seconds(30));
  CHECK(refuse_batch() == 1);
}

TEST_CASE_FIXTURE(RefusalFixture,
                  "a broker that finds an envelope too large gets it in parts, at once") {
  open();
  puback();
  send(kNormal, 1, 1);
  puback(mqtt::reason::kTooLarge);
  const auto told = refusals();
  REQUIRE(told.size() == 1);
  CHECK(told[0].refused == "too_large");
  CHECK(wished(kNormal) > 0);
}

TEST_CASE_FIXTURE(RefusalFixture, "envelopes are made as large as the broker says that it takes") {
  CHECK(limits::kEnvelopeBytesMax > 20'000);
  MqttSession session;
  session.packet_bytes_max = 20'000;
  open(session);
  const std::size_t most = uplink->wish().bytes_max[kNormal];
  CHECK(most < 20'000);
  CHECK(most > 19'000);
  Lease large = lease(kNormal, 1, 100);
  large.bytes.resize(most);
  send(std::move(large));
  CHECK(sent().size() == 1);
  Lease larger = lease(kNormal, 101, 200);
  larger.bytes.resize(20'000);
  send(std::move(larger));
  CHECK(sent().empty());
  CHECK(refusals().size() == 1);
}

TEST_CASE_FIXTURE(RefusalFixture, "without a limit they are as large as they may be") {
  open();
  CHECK(uplink->wish().bytes_max[kNormal] == limits::kEnvelopeBytesMax);
}

}  // namespace
}  // namespace pinaflux::tests
