// SimBrokerMemory: what a simulated MQTT broker remembers: sessions, their queues, retained messages.
//
// Promise    It is what a broker with persistence has on its disk: it outlives the broker, or is
//            cleared by who restarts it.
// Order      A session's messages in the order published, but for SimBroker's faults.
// Ownership  Outlives the brokers that use it, one at a time.
// Threads    One.
// Tests      tests/platform/sim/mqtt_broker_test.cc
#pragma once

#include <bitset>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/bytes.h"
#include "platform/base/time.h"

namespace pinaflux {

bool topic_matches(std::string_view filter, std::string_view topic);

struct SimMessage {
  std::string topic;
  Buffer payload;
  std::uint8_t qos = 0;
  bool retained = false;
  std::uint64_t publisher = 0;  // Whose order counts.
};

struct SimMqttSession {
  struct Subscription {
    std::string filter;
    std::uint8_t qos;
  };
  struct InFlight {
    std::uint16_t packet_id;
    SimMessage message;
  };

  std::uint16_t take_packet_id();
  // False: it is not in flight.
  bool acknowledged(std::uint16_t packet_id);
  // -1: not subscribed.
  int qos_for(std::string_view topic) const;

  std::vector<Subscription> subscriptions;
  std::deque<InFlight> in_flight;  // Sent, in order.
  std::deque<SimMessage> queue;    // Not yet sent.
  Instant expires = Instant::never();
  Duration expiry{};
  std::uint16_t last_packet_id = 0;
  std::bitset<65536> packet_ids;
};

class SimBrokerMemory {
 public:
  // Those that have expired are gone.
  SimMqttSession* find(const std::string& client_id, Instant now);
  SimMqttSession& make(const std::string& client_id);
  void erase(const std::string& client_id) { sessions_.erase(client_id); }
  void retain(const SimMessage& message);
  void clear();
  // Acknowledged and forgotten: what waits for subscribers, in flight too if wanted. How many.
  std::size_t forget_queues(bool in_flight);
  std::size_t queued() const;

  std::map<std::string, std::unique_ptr<SimMqttSession>>& sessions() { return sessions_; }
  const std::map<std::string, SimMessage>& retained() const { return retained_; }

 private:
  std::map<std::string, std::unique_ptr<SimMqttSession>> sessions_;
  std::map<std::string, SimMessage> retained_;
};

}  // namespace pinaflux
