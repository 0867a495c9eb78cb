// Topics of the collector's side: what a gateway sends, and where its answer goes.
//
// Limits     Names of gateways and lanes: 1 to kNameMax bytes.
// Threads    Pure functions; any.
// Tests      tests/agent/collector/topic_test.cc
// Source     `<root>/<gateway>/data/<lane>`, `.../hello`, `.../status`, `.../ack`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/bytes.h"

namespace pinaflux {

struct Topic {
  enum class Kind : std::uint8_t { data, hello, status };
  static constexpr std::size_t kNameMax = 255;

  Kind kind = Kind::data;
  std::string_view gateway;
  std::string_view lane;  // Of data.
};

// Nothing when the topic is not one of ours.
std::optional<Topic> parse_topic(std::string_view root, std::string_view topic);
// Of data the topic's, else those that the message names; none that cannot be read.
std::vector<std::string> lanes_spoken_of(const Topic& topic, Bytes payload);
// Data, hello, status. With a group, data and hellos are shared among the collectors that name the same (MQTT 5, 4.8.2);
// a status comes to each: a shared subscription gets none that the broker retained.
std::array<std::string, 3> topic_filters(const std::string& root, const std::string& group);
std::string ack_topic(const std::string& root, const std::string& gateway);

}  // namespace pinaflux
