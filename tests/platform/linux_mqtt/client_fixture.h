// The real loop, Paho's clients on it, and a wait that ends.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "platform/linux/loop.h"
#include "platform/linux/mqtt_client.h"
#include "tests/kit/run.h"
#include "tests/platform/linux_mqtt/mosquitto.h"
#include "tests/platform/mqtt_client_contract.h"

namespace pinaflux::tests {

struct ClientFixture {
  ClientFixture() : loop(std::move(*LinuxLoop::make())), maker(make_mqtt_client_maker(*loop)) {}

  // False after two minutes.
  bool loop_until(const std::function<bool()>& condition) {
    return kit::poll_until(*loop, condition, Duration::minutes(2));
  }
  // Connects, and waits for what comes of it.
  void connect(MqttClient& client, MqttRecorder& events, const MqttConnect& to) {
    events.sessions.clear();
    events.losses.clear();
    client.connect(to);
    REQUIRE(loop_until([&] { return !events.sessions.empty() || !events.losses.empty(); }));
  }
  MqttConnect options(const Mosquitto& broker, int version = 5) {
    MqttConnect made;
    made.broker = broker.address();
    made.client_id = "gw";
    made.version = version;
    return made;
  }

  std::unique_ptr<LinuxLoop> loop;
  MqttClientMaker maker;
  std::string address;
  pinaflux::tls::Options tls;
};

}  // namespace pinaflux::tests
