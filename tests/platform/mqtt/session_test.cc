#include "platform/mqtt/session.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "platform/mqtt/packet.h"
#include "tests/platform/mqtt/scripted.h"

namespace pinaflux::mqtt {
namespace {

struct SessionFixture : Session::Events {
  void connected(const Accepted& a) override {
    accepted.push_back(a);
    if (destroy_on_connected) session.reset();
  }
  void subscribed(std::string_view filter, int reason) override {
    grants.emplace_back(filter, reason);
  }
  void message(const Message& m) override {
    topics.emplace_back(m.topic);
    ids.push_back(m.packet_id);
    if (destroy_on_message) session.reset();
  }
  void published(std::uint16_t id, int reason) override { pubacks.emplace_back(id, reason); }
  void mark_reached(std::uint64_t mark) override { marks.push_back(mark); }
  void closed(Error reason, int code) override {
    errors.push_back(reason);
    codes.push_back(code);
    session.reset();
  }

  void dial() {
    Result<std::unique_ptr<Session>> made = Session::connect(network, loop, options, *this);
    REQUIRE(made.has_value());
    session = std::move(*made);
    loop.advance();
  }
  void open(Connack connack = {}) {
    dial();
    network.take();
    Buffer bytes;
    put_connack(bytes, connack, options.version);
    network.say(bytes);
    loop.advance();
    REQUIRE(accepted.size() == 1);
  }
  void say_message(int id, bool duplicate = false, std::string_view topic = "t") {
    Buffer bytes;
    Publish packet;
    packet.topic = topic;
    packet.qos = id == 0 ? 0 : 1;
    packet.packet_id = static_cast<std::uint16_t>(id);
    packet.duplicate = duplicate;
    REQUIRE(put_publish(bytes, packet, options.version));
    network.say(bytes);
  }
  // The frames that were written, taken apart.
  struct Written {
    Type type;
    Buffer body;
  };
  std::vector<Written> written() {
    loop.advance();
    const Buffer bytes = network.take();
    Framer framer(1 << 20);
    framer.feed(bytes);
    std::vector<Written> all;
    Frame frame;
    while (*framer.next(frame))
      all.push_back({frame.type, Buffer(frame.body.begin(), frame.body.end())});
    return all;
  }
  std::vector<int> puback_ids() {
    std::vector<int> acked;
    for (const Written& w : written()) {
      if (w.type == Type::puback) acked.push_back(w.body[0] << 8 | w.body[1]);
    }
    return acked;
  }
  int disconnect_reason() {
    for (const Written& w : written()) {
      if (w.type == Type::disconnect) return w.body.empty() ? 0 : w.body[0];
    }
    return -1;
  }

  tests::ScriptedLoop loop;
  tests::ScriptedNetwork network{loop};
  Options options{.broker = "tcp://broker:1883", .client_id = "c", .user = {}, .password = {}};
  std::unique_ptr<Session> session;
  std::vector<Accepted> accepted;
  std::vector<std::pair<std::string, int>> grants;
  std::vector<std::string> topics;
  std::vector<int> ids;
  std::vector<std::pair<int, int>> pubacks;
  std::vector<std::uint64_t> marks;
  std::vector<Error> errors;
  std::vector<int> codes;
  bool destroy_on_message = false, destroy_on_connected = false;
};

TEST_CASE_FIXTURE(SessionFixture, "the CONNECT says what the options say") {
  options.receive_max = 500;
  options.session_expiry = Duration::days(1);
  options.keep_alive = Duration::seconds(45);
  options.will_topic = "gone";
  options.will_payload = "x";
  dial();

  const Buffer bytes = network.take();
  Framer framer(4096);
  framer.feed(bytes);
  Frame frame;
  REQUIRE(*framer.next(frame));
  const Parsed<Connect> packet = parse_connect(frame);

  REQUIRE(packet.has_value());
  CHECK(packet->version == 5);
  CHECK_FALSE(packet->clean_start);
  CHECK(packet->receive_max == 500);
  CHECK(packet->session_expiry_s == 86'400);
  CHECK(packet->keep_alive_s == 45);
  CHECK(packet->packet_bytes_max == 1024 * 1024);
  REQUIRE(packet->will.has_value());
  CHECK(packet->will->topic == "gone");
  CHECK(as_text(packet->will->payload) == "x");
  CHECK((packet->will->qos == 1 && packet->will->retained));
}

TEST_CASE_FIXTURE(SessionFixture,
                  "PUBACKs leave in the order of the messages, whatever the order of acks") {
  open();
  for (const int id : {5, 6, 7, 8}) say_message(id);

  session->ack(7);
  session->ack(6);
  CHECK(puback_ids().empty());
  session->ack(5);
  CHECK(puback_ids() == std::vector<int>{5, 6, 7});
  session->ack(8);
  CHECK(puback_ids() == std::vector<int>{8});
}

TEST_CASE_FIXTURE(SessionFixture, "ten thousand acks make one write") {
  open();
  for (int id = 1; id <= 10'000; ++id) say_message(id);
  const std::size_t before = network.writes;

  for (int id = 10'000; id >= 1; --id) session->ack(static_cast<std::uint16_t>(id));

  CHECK(puback_ids().size() == 10'000);
  CHECK(network.writes == before + 1);
}

TEST_CASE_FIXTURE(SessionFixture, "packet ids may come again once they are acknowledged") {
  open();
  for (int round = 0; round < 3; ++round) {
    for (int id = 1; id <= 300; ++id) say_message(id);
    for (int id = 1; id <= 300; ++id) session->ack(static_cast<std::uint16_t>(id));
    CHECK(puback_ids().size() == 300);
  }
  CHECK(errors.empty());
}

TEST_CASE_FIXTURE(SessionFixture, "a broker that passes Receive Maximum keeps its connection") {
  options.receive_max = 2;
  open();
  for (const int id : {1, 2, 3}) say_message(id);

  CHECK(ids == std::vector<int>{1, 2, 3});
  CHECK(errors.empty());
}

TEST_CASE_FIXTURE(SessionFixture,
                  "version 3.1.1 takes a message again within a connection as the same") {
  options.version = 4;
  open();
  say_message(9);
  say_message(9, true);
  session->ack(9);

  CHECK(ids == std::vector<int>{9});
  CHECK(puback_ids() == std::vector<int>{9});
}

TEST_CASE_FIXTURE(SessionFixture, "version 5 does not take a packet id again before its ack") {
  open();
  say_message(9);
  say_message(9, true);

  CHECK(disconnect_reason() == reason::kProtocol);
}

TEST_CASE_FIXTURE(SessionFixture, "who answers CONNECT and is no broker is named") {
  const std::pair<std::string, std::string> cases[] = {
      {"HTTP/1.1 302 Found\r\n", "HTTP answers, not MQTT: behind a captive portal"},
      {"\x15\x03\x01", "TLS answers, not MQTT: write tls://"},
      {"SSH-2.0-x\r\n", "what answers is no MQTT broker: check address and port"},
  };
  for (const auto& [said, told] : cases) {
    errors.clear();
    network.finished = false;
    dial();
    network.say(as_bytes(said));
    loop.advance();
    REQUIRE(errors.size() == 1);
    CHECK_MESSAGE(std::string(errors[0].what).starts_with(told), errors[0].what);
  }
}

TEST_CASE_FIXTURE(SessionFixture, "a QoS 2 message is a protocol error") {
  open();
  const Buffer bytes = {0x34, 6, 0, 1, 't', 0, 1, 0};
  network.say(bytes);

  CHECK(disconnect_reason() == reason::kProtocol);
  REQUIRE(errors.size() == 1);
  CHECK(std::string(errors[0].what).find("QoS 2") != std::string::npos);
}

TEST_CASE_FIXTURE(SessionFixture, "nothing is delivered after a fault") {
  open();
  Buffer bytes = {0x34, 6, 0, 1, 't', 0, 1, 0};
  append(bytes, Bytes(bytes));
  Publish packet;
  packet.topic = "t";
  REQUIRE(put_publish(bytes, packet, 5));
  network.say(bytes);
  loop.advance();

  CHECK(topics.empty());
  CHECK(errors.size() == 1);
}

TEST_CASE_FIXTURE(SessionFixture, "a mark is reached when the PINGRESP comes") {
  open();
  say_message(1);
  session->ack(1);
  const std::uint64_t mark = session->mark();

  const std::vector<Written> sent = written();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].type == Type::puback);
  CHECK(sent[1].type == Type::pingreq);
  CHECK(marks.empty());
  const Buffer answer = {0xd0, 0};
  network.say(answer);
  CHECK(marks == std::vector<std::uint64_t>{mark});
}

TEST_CASE_FIXTURE(SessionFixture, "a mark waits for acks that wait for an earlier message") {
  open();
  for (const int id : {1, 2}) say_message(id);
  session->ack(2);
  session->mark();
  CHECK(written().empty());

  session->ack(1);

  const std::vector<Written> sent = written();
  REQUIRE(sent.size() == 3);
  CHECK(sent[2].type == Type::pingreq);
}

TEST_CASE_FIXTURE(SessionFixture,
                  "an idle connection is kept alive, and a silent broker is noticed") {
  options.keep_alive = Duration::seconds(30);
  options.timeout = Duration::seconds(20);
  open();
  const Buffer answer = {0xd0, 0};
  for (int i = 0; i < 20; ++i) {
    loop.advance(Duration::seconds(10));
    for (const Written& w : written()) {
      if (w.type == Type::pingreq) network.say(answer);
    }
  }
  CHECK(errors.empty());

  loop.advance(Duration::minutes(1));

  REQUIRE(errors.size() == 1);
  CHECK(errors[0].code == Code::timeout);
}

TEST_CASE_FIXTURE(SessionFixture, "a paused session waits for no PINGRESP") {
  open();
  session->pause(true);
  CHECK(network.paused);
  loop.advance(Duration::minutes(5));
  CHECK(errors.empty());
  session->pause(false);
  loop.advance(Duration::minutes(1));
  CHECK(errors.size() == 1);
}

TEST_CASE_FIXTURE(SessionFixture, "a broker that never answers the CONNECT is a timeout") {
  dial();
  loop.advance(Duration::seconds(26));
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].code == Code::timeout);
}

TEST_CASE_FIXTURE(SessionFixture,
                  "an unsupported version is told as such, in both forms of CONNACK") {
  dial();
  SUBCASE("old form") {
    const Buffer bytes = {0x20, 2, 0, 1};
    network.say(bytes);
  }
  SUBCASE("new form") {
    const Buffer bytes = {0x20, 3, 0, 0x84, 0};
    network.say(bytes);
  }
  loop.advance();
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].code == Code::unsupported);
  CHECK(codes[0] == reason::kUnsupportedVersion);
}

TEST_CASE_FIXTURE(SessionFixture, "a refusal of the user says what to do") {
  dial();
  const Buffer bytes = {0x20, 3, 0, 0x87, 0};
  network.say(bytes);
  loop.advance();
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].code == Code::denied);
  CHECK(std::string(errors[0].what).find("access list") != std::string::npos);
}

TEST_CASE_FIXTURE(SessionFixture, "subscriptions are granted or refused by their filter") {
  open();
  session->subscribe("a/#", 1, 2);
  session->subscribe("b", 1, 0);
  CHECK(written().size() == 2);
  const Buffer answer = {0x90, 4, 0, 2, 0, 0x87, 0x90, 4, 0, 1, 0, 1};
  network.say(answer);
  CHECK(grants == std::vector<std::pair<std::string, int>>{{"b", 0x87}, {"a/#", 1}});
}

TEST_CASE_FIXTURE(SessionFixture, "publishing keeps to the broker's limits") {
  Connack connack;
  connack.properties.receive_max = 2;
  connack.properties.packet_bytes_max = 100;
  open(connack);

  const Result<std::uint16_t> first = session->publish("t", as_bytes("1"), false);
  const Result<std::uint16_t> second = session->publish("t", as_bytes("2"), true);
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  CHECK(session->publish("t", as_bytes("3"), false).error().code == Code::full);
  Buffer answer;
  put_puback(answer, {*first, 0x10}, 5);
  network.say(answer);
  CHECK(pubacks == std::vector<std::pair<int, int>>{{*first, 0x10}});
  CHECK(session->publish("t", as_bytes(std::string(100, 'x')), false).error().code ==
        Code::invalid);
  CHECK(session->publish("t/#", {}, false).error().code == Code::invalid);
  CHECK(session->publish("t", as_bytes("3"), false).has_value());
}

TEST_CASE_FIXTURE(SessionFixture, "a full socket holds PUBACKs back and loses none") {
  open();
  for (const int id : {1, 2}) say_message(id);
  network.room = 3;
  session->ack(1);
  CHECK(puback_ids().empty());
  session->ack(2);
  network.drain();
  CHECK(puback_ids() == std::vector<int>{1, 2});
}

TEST_CASE_FIXTURE(SessionFixture, "disconnect() sends what is due, then DISCONNECT") {
  open();
  say_message(1);
  session->ack(1);
  session->disconnect();
  CHECK(errors.empty());

  const std::vector<Written> sent = written();

  REQUIRE(sent.size() == 2);
  CHECK(sent[0].type == Type::puback);
  CHECK(sent[1].type == Type::disconnect);
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].code == Code::closed);
}

TEST_CASE_FIXTURE(SessionFixture, "a session may be destroyed inside its events") {
  SUBCASE("message") {
    open();
    destroy_on_message = true;
    Buffer bytes;
    Publish packet;
    packet.topic = "t";
    REQUIRE(put_publish(bytes, packet, 5));
    append(bytes, Bytes(Buffer(bytes)));
    network.say(bytes);
    CHECK(topics.size() == 1);
  }
  SUBCASE("connected") {
    destroy_on_connected = true;
    dial();
    const Buffer bytes = {0x20, 3, 0, 0, 0, 0xd0, 0};
    network.say(bytes);
  }
  loop.advance(Duration::minutes(1));
  CHECK_FALSE(network.connected());
  CHECK(errors.empty());
}

TEST_CASE_FIXTURE(SessionFixture, "the broker's DISCONNECT is told with its reason") {
  open();
  const Buffer bytes = {0xe0, 2, 0x8e, 0};
  network.say(bytes);
  loop.advance();
  REQUIRE(errors.size() == 1);
  CHECK(codes[0] == reason::kTakenOver);
  CHECK(std::string(errors[0].what).find("client id") != std::string::npos);
}

}  // namespace
}  // namespace pinaflux::mqtt
