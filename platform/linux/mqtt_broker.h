// MqttBroker: what MqttConnect::broker says, and as Paho spells it.
//
// Threads    Pure functions; any.
// Tests      tests/platform/linux_mqtt/tls_client_test.cc
#pragma once

#include <string>
#include <string_view>

#include "platform/base/result.h"

namespace pinaflux {

struct MqttBroker {
  bool tls = false;
  bool websocket = false;
  std::string paho;  // Its URI.
  std::string host;  // Without brackets.
};

// tcp://HOST:PORT, tls://HOST:PORT, ws://HOST:PORT/PATH, wss://HOST:PORT/PATH. Errors: invalid.
Result<MqttBroker> parse_mqtt_broker(std::string_view text);

}  // namespace pinaflux
