// PahoTls: one client's TLS under Paho, whose library calls OpenSSL and is answered by us.
//
// Promise    A connection that Paho makes under name() has this client's Credentials and nobody else's;
//            without a name that leads here Paho's every set-up call is refused. What went wrong is told
//            by failure(), also where Paho throws it away (an alert that ends a finished handshake).
// Order      Made before MQTTAsync_connect(), gone after MQTTAsync_destroy().
// Ownership  Keeps the Credentials alive, as do the connections that were made under its name.
// Threads    Loop; Paho's threads go through the C functions of openssl.cc only.
// Tests      tests/platform/linux_mqtt/tls_client_test.cc, tests/platform/tls/openssl_test.cc
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "platform/tls/connection.h"
#include "platform/tls/credentials.h"
#include "platform/tls/failure.h"

namespace pinaflux::tls {

class PahoTls {
 public:
  enum class Stage : std::uint8_t { idle, handshake, ready };

  // `judged_at` as for a Connection.
  PahoTls(std::shared_ptr<Credentials> credentials, std::int64_t judged_at);
  ~PahoTls();
  PahoTls(const PahoTls&) = delete;
  PahoTls& operator=(const PahoTls&) = delete;

  // For MQTTAsync_SSLOptions::trustStore: the one text that Paho hands through without a look at it.
  const std::string& name() const { return name_; }
  Stage stage() const;
  Failure failure() const;          // The first; none yet: none.
  Connection::Facts facts() const;  // Of the handshake that is done, empty before.

  struct State;

 private:
  std::shared_ptr<State> state_;
  std::string name_;
};

}  // namespace pinaflux::tls
