#include "platform/sim/mqtt_memory.h"

#include <algorithm>

#include "platform/base/text.h"

namespace pinaflux {

// Level by level; "#" takes the level above too (MQTT 5.0 section 4.7.1.2), and no wildcard a topic
// that begins with "$" (4.7.2).
bool topic_matches(std::string_view filter, std::string_view topic) {
  if (topic.starts_with('$') && !filter.starts_with('$')) return false;
  Split filters(filter, '/'), topics(topic, '/');
  std::string_view wanted, level;
  while (filters.next(wanted)) {
    if (wanted == "#") return true;
    if (!topics.next(level)) return false;
    if (wanted != "+" && wanted != level) return false;
  }
  return !topics.next(level);
}

std::uint16_t SimMqttSession::take_packet_id() {
  do {
    ++last_packet_id;
  } while (last_packet_id == 0 || packet_ids[last_packet_id]);
  packet_ids.set(last_packet_id);
  return last_packet_id;
}

bool SimMqttSession::acknowledged(std::uint16_t packet_id) {
  const auto at = std::ranges::find(in_flight, packet_id, &InFlight::packet_id);
  if (at == in_flight.end()) return false;
  packet_ids.reset(packet_id);
  in_flight.erase(at);
  return true;
}

int SimMqttSession::qos_for(std::string_view topic) const {
  int qos = -1;
  for (const Subscription& one : subscriptions) {
    if (one.qos > qos && topic_matches(one.filter, topic)) qos = one.qos;
  }
  return qos;
}

SimMqttSession* SimBrokerMemory::find(const std::string& client_id, Instant now) {
  const auto at = sessions_.find(client_id);
  if (at == sessions_.end()) return nullptr;
  if (at->second->expires > now) return at->second.get();
  sessions_.erase(at);
  return nullptr;
}

SimMqttSession& SimBrokerMemory::make(const std::string& client_id) {
  auto& session = sessions_[client_id];
  session = std::make_unique<SimMqttSession>();
  return *session;
}

void SimBrokerMemory::retain(const SimMessage& message) {
  if (message.payload.empty()) {
    retained_.erase(message.topic);
  } else {
    retained_.insert_or_assign(message.topic, message);
  }
}

void SimBrokerMemory::clear() {
  sessions_.clear();
  retained_.clear();
}

std::size_t SimBrokerMemory::forget_queues(bool in_flight) {
  std::size_t forgotten = 0;
  for (auto& [client, session] : sessions_) {
    forgotten += session->queue.size();
    session->queue.clear();
    if (!in_flight) continue;
    forgotten += session->in_flight.size();
    session->in_flight.clear();
    session->packet_ids.reset();
  }
  return forgotten;
}

std::size_t SimBrokerMemory::queued() const {
  std::size_t count = 0;
  for (const auto& [client, session] : sessions_) {
    count += session->queue.size() + session->in_flight.size();
  }
  return count;
}

}  // namespace pinaflux
