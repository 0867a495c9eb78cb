// visitor: how a command logs in at a broker of the configuration without taking the agent's place there.
//
// Promise    A client id of its own, and no session that is kept.
// Threads    Any.
// Tests      tests/e2e/run (the_commands_answer, the_uplink_is_tested)
#pragma once

#include <string>

#include "agent/data/identity.h"
#include "platform/entropy.h"
#include "platform/mqtt/session.h"

namespace pinaflux {

template <class Peer>  // UplinkOptions, MqttSourceOptions.
mqtt::Options visitor(const Peer& peer, const std::string& command, Entropy& entropy) {
  mqtt::Options options;
  options.broker = peer.broker;
  options.tls = peer.tls;
  if constexpr (requires { peer.proxy; }) options.proxy = peer.proxy;
  options.user = peer.user;
  options.password = peer.password;
  std::uint8_t random[6];
  entropy.fill(random);
  options.client_id = "pinaflux-" + command + "-" + hex(random);
  options.clean_start = true;
  options.session_expiry = Duration{};
  return options;
}

}  // namespace pinaflux
