// MqttBroker: what MqttConnect::broker says, and as Paho spells it.
//
// Threads    Pure functions; any.
// Tests      tests/platform/linux_mqtt/tls_client_test.cc
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "platform/base/result.h"

namespace pinaflux {

struct MqttBroker {
  bool tls = false;
  bool websocket = false;
  std::string paho;  // Its URI.
  std::string host;  // Without brackets.
  std::uint16_t port = 0;
  std::string authority;  // "HOST:PORT", with brackets.
  std::string path;       // Of a WebSocket, with its '/'; may be empty.
};

// tcp://HOST:PORT, tls://HOST:PORT, ws://HOST:PORT/PATH, wss://HOST:PORT/PATH. Errors: invalid.
Result<MqttBroker> parse_mqtt_broker(std::string_view text);

}  // namespace pinaflux
