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
  // Connects, and waits for what comes of it. Paho 1.3.14 may poll a socket before it dials: then Linux says
  // POLLHUP, and Paho "socket error", with TLS and without. That is tried again.
  void connect(MqttClient& client, MqttRecorder& events, const MqttConnect& to) {
    for (bool again = true; again;) {
      events.sessions.clear();
      events.losses.clear();
      client.connect(to);
      REQUIRE(loop_until([&] { return !events.sessions.empty() || !events.losses.empty(); }));
      again = events.sessions.empty() && dialled_too_late(events);
    }
  }
  static bool dialled_too_late(const MqttRecorder& events) {
    return !events.losses.empty() && events.losses[0].second.contains("(socket error)");
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
