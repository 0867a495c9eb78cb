// SimBroker: an MQTT 3.1.1 and 5 broker in memory, with the faults that brokers have.
//
// Promise    QoS 0 and 1, persistent sessions with queues, Receive Maximum, retained messages, wills,
//            wildcards, take-over of a session, keep-alive, redelivery with DUP after a reconnect: as
//            the standards have it and Mosquitto 2.0 does it.
// Faults     Options below; and the memory is the owner's, who may forget it between two brokers.
// Limits     Options.
// Ownership  Loop, network and memory outlive it.
// Threads    One.
// Tests      tests/platform/sim/mqtt_broker_test.cc, tests/platform/mqtt_client_contract.h
// Source     MQTT Version 5.0 and 3.1.1, OASIS Standards.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "platform/base/random.h"
#include "platform/mqtt/packet.h"
#include "platform/network.h"
#include "platform/sim/loop.h"
#include "platform/sim/mqtt_memory.h"

namespace pinaflux {

class SimBroker {
 public:
  struct Options {
    std::string address = "tcp://*:1883";
    std::size_t queue_max = 1'000'000;  // Of a session; beyond it messages are dropped in silence.
    std::size_t in_flight_max_v4 = 20;  // 3.1.1 has no Receive Maximum.
    std::uint32_t packet_bytes_max = 1024 * 1024;
  };
  // Each happens once in so many messages on average; 0: never.
  struct Faults {
    std::uint64_t puback_dropped = 0;  // Routed, and not acknowledged to the publisher.
    std::uint64_t lost = 0;            // Acknowledged, and not routed.
    std::uint64_t doubled = 0;         // Sent twice to each subscriber, as two messages.
    std::uint64_t reordered = 0;       // Passes one of another publisher in the queue.
    bool acked_by_sending = false;  // Forgets a message when it was sent, like a hasty subscriber.
  };
  struct Counts {
    std::uint64_t connects = 0, published = 0, delivered = 0, redelivered = 0, dropped = 0;
  };

  SimBroker(SimLoop& loop, Network& network, SimBrokerMemory& memory, std::uint64_t seed,
            const Options& options);
  ~SimBroker();
  Status start();
  void faults(const Faults& faults) { faults_ = faults; }
  const Counts& counts() const { return counts_; }
  std::size_t connections() const { return peers_.size(); }

 private:
  class Peer;

  void accept(Network::Accepted& accepted);
  void remove(Peer& peer);
  Peer* connected_as(const std::string& client_id);
  // True: somebody is subscribed.
  bool route(SimMessage&& message);
  void queue(const std::string& client_id, SimMqttSession& session, SimMessage message);
  void dirty(Peer& peer);
  void flush();

  SimLoop& loop_;
  Network& network_;
  SimBrokerMemory& memory_;
  Random random_;
  const Options options_;
  Faults faults_;
  Counts counts_;
  std::uint64_t last_peer_ = 0;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<Peer*> dirty_;  // With something to send.
  SimLoopEvent flush_event_;
  std::unique_ptr<Listener> listener_;
};

}  // namespace pinaflux
