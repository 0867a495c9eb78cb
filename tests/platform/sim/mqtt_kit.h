// A broker, and clients that speak to it through the production session, in a simulated world.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "platform/mqtt/session.h"
#include "platform/sim/mqtt_broker.h"
#include "tests/platform/sim/world.h"

namespace pinaflux::tests {

struct SimClient final : mqtt::Session::Events {
  SimClient(SimProgram& program_, std::string client_id) : program(program_) {
    options.broker = "tcp://broker:1883";
    options.client_id = std::move(client_id);
  }
  void connect() {
    session =
        std::move(mqtt::Session::connect(program.network, program.loop, options, *this).value());
  }
  void connected(const mqtt::Accepted& accepted) override {
    ++connects;
    present = accepted.session_present;
    if (!filter.empty()) session->subscribe(filter, 1, retain_handling);
  }
  void subscribed(std::string_view, int) override {}
  void message(const mqtt::Message& message) override {
    got.push_back((message.duplicate  ? "dup "
                   : message.retained ? "kept "
                                      : "") +
                  std::string(as_text(message.payload)));
    if (acks && message.packet_id != 0) session->ack(message.packet_id);
  }
  void published(std::uint16_t, int code) override { pubacks.push_back(code); }
  void mark_reached(std::uint64_t) override {}
  void closed(Error error, int code) override {
    ++losses;
    reason = code;
    session.reset();
    (void)error;
  }
  void publish(const std::string& topic, const std::string& text, bool retained = false) {
    CHECK(session->publish(topic, as_bytes(text), retained).has_value());
  }

  SimProgram& program;
  mqtt::Options options;
  std::string filter;
  int retain_handling = 0;
  bool acks = true;
  bool present = false;
  int connects = 0, losses = 0, reason = 0;
  std::vector<std::string> got;
  std::vector<int> pubacks;
  std::unique_ptr<mqtt::Session> session;
};

struct BrokerFixture : SimWorld {
  BrokerFixture() { start(); }
  void start(const SimBroker::Options& options = {}) {
    its = program("broker");
    broker = std::make_unique<SimBroker>(its->loop, its->network, memory, 1, options);
    REQUIRE(broker->start().has_value());
  }
  void kill() {
    its->network.die(SimNetwork::Death::kill);
    its->loop.kill();
    broker.reset();
    its.reset();
  }
  void connect(SimClient& client) {
    client.connect();
    pass(Duration::milliseconds(20));
    REQUIRE(client.session != nullptr);
  }

  std::unique_ptr<SimProgram> here = program("here");
  SimBrokerMemory memory;
  std::unique_ptr<SimProgram> its;
  std::unique_ptr<SimBroker> broker;
};

}  // namespace pinaflux::tests
