// MqttTls: the TLS of one MqttClient, from connection to connection.
//
// Ownership  The Keyring, which all clients share, outlives it.
// Threads    Loop.
// Tests      tests/platform/linux_mqtt/tls_client_test.cc
#pragma once

#include <optional>
#include <string>

#include "platform/mqtt_client.h"
#include "platform/tls/keyring.h"
#include "platform/tls/openssl.h"

namespace pinaflux {

class MqttTls {
 public:
  explicit MqttTls(tls::Keyring& keyring) : keyring_(keyring) {}

  // For one connection. The name is Paho's trust store; empty: trouble() says why.
  std::string begin(const MqttConnect& options);
  void end();

  // Why the connection did not come about or ended, where TLS knows it; empty: it does not.
  std::string trouble(bool connected, const MqttConnect& options) const;
  bool ready() const;         // The handshake is done.
  std::string facts() const;  // As MqttSession::tls has them.

 private:
  tls::Keyring& keyring_;
  tls::Failure unloaded_;
  std::optional<tls::PahoTls> paho_;
};

}  // namespace pinaflux
