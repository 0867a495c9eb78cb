// What MQTT 5 says beside a message, in Paho's terms; and topics that are numbers once they were said.
//
// Ownership  The caller frees what is added (MQTTProperties_free).
// Threads    Loop.
// Tests      tests/platform/linux_mqtt/mqtt_client_test.cc
// Source     MQTT 5.0 sections 2.2.2, 3.1.2.11, 3.1.3.2 and 3.3.2.3.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <MQTTAsync.h>

#include "platform/mqtt_client.h"

namespace pinaflux {

// Of one connection: the broker has as many numbers as it says. A number will do once the broker has taken a message
// that had the topic beside it: one that it refused may have taught it nothing.
class TopicAliases {
 public:
  struct Alias {
    std::uint16_t number = 0;  // 0: it has none.
    bool known = false;        // To the broker: the number will do without the topic.
  };

  void begin(std::size_t most);
  Alias of(const std::string& topic) const;
  // It was handed over, with the topic unless that is known.
  void said(const std::string& topic, const Alias& alias);
  // The broker has taken what was said with this number.
  void taken(std::uint16_t number);

 private:
  std::size_t most_ = 0;
  struct Topic {
    std::string name;
    bool known = false;
  };
  std::vector<Topic> topics_;  // By number, from 1 on.
};

// Of a PUBLISH.
void add_properties(MQTTProperties& to, const MqttPublish& publish, std::uint16_t alias);
// The session outlives the connection by as much as the will waits: it is not said if we are back before.
void add_will_delay(MQTTProperties& connect, MQTTProperties& will, Duration delay);

}  // namespace pinaflux
