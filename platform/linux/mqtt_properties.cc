#include "platform/linux/mqtt_properties.h"

#include <algorithm>

#include "platform/base/assert.h"

namespace pinaflux {

namespace {

constexpr std::size_t kAliasBytes = 3;
constexpr std::int64_t kSecond = 1'000'000'000;

void add(MQTTProperties& to, const MQTTProperty& property) {
  ASSERT(MQTTProperties_add(&to, &property) == 0);
}

void add_pair(MQTTProperties& to, enum MQTTPropertyCodes code, const std::string& name,
              const std::string& value) {
  MQTTProperty property{};
  property.identifier = code;
  property.value.data = {static_cast<int>(name.size()), const_cast<char*>(name.data())};
  property.value.value = {static_cast<int>(value.size()), const_cast<char*>(value.data())};
  add(to, property);
}

void add_seconds(MQTTProperties& to, enum MQTTPropertyCodes code, Duration duration) {
  MQTTProperty property{};
  property.identifier = code;
  property.value.integer4 = static_cast<unsigned>((duration.ns + kSecond - 1) / kSecond);
  add(to, property);
}

}  // namespace

void TopicAliases::begin(std::size_t most) {
  most_ = most;
  topics_.clear();
}

TopicAliases::Alias TopicAliases::of(const std::string& topic) const {
  const auto at = std::ranges::find(topics_, topic, &Topic::name);
  const auto number = static_cast<std::uint16_t>(at - topics_.begin() + 1);
  if (at != topics_.end()) return {number, at->known};
  return topics_.size() < most_ && topic.size() > kAliasBytes ? Alias{number, false} : Alias{};
}

void TopicAliases::said(const std::string& topic, const Alias& alias) {
  if (alias.number > topics_.size()) topics_.push_back({topic});
}

void TopicAliases::taken(std::uint16_t number) {
  if (number > 0 && number <= topics_.size()) topics_[number - 1].known = true;
}

void add_properties(MQTTProperties& to, const MqttPublish& publish, std::uint16_t alias) {
  if (!publish.content_type.empty())
    add_pair(to, MQTTPROPERTY_CODE_CONTENT_TYPE, publish.content_type, {});
  for (const auto& [name, value] : publish.properties)
    add_pair(to, MQTTPROPERTY_CODE_USER_PROPERTY, name, value);
  if (publish.expiry > Duration{})
    add_seconds(to, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, publish.expiry);
  if (alias == 0) return;
  MQTTProperty property{};
  property.identifier = MQTTPROPERTY_CODE_TOPIC_ALIAS;
  property.value.integer2 = alias;
  add(to, property);
}

void add_will_delay(MQTTProperties& connect, MQTTProperties& will, Duration delay) {
  add_seconds(connect, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, delay);
  add_seconds(will, MQTTPROPERTY_CODE_WILL_DELAY_INTERVAL, delay);
}

}  // namespace pinaflux
