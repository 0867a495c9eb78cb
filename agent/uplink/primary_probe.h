// Primary probe: a connection beside the one in use, that only tells whether the first broker takes us.
//
// Ownership  Not to be destroyed inside an event of its client: look at answer() from a timer.
// Threads    Loop.
// Tests      tests/agent/uplink/brokers_test.cc
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "platform/mqtt/reason.h"
#include "platform/mqtt_client.h"

namespace pinaflux {

class PrimaryProbe final : private MqttClient::Events {
 public:
  enum class Answer { none, yes, no };

  PrimaryProbe(const MqttClientMaker& make, MqttConnect to) : client_(make(*this)) {
    to.client_id += "-probe";
    to.will_topic.clear();
    client_->connect(to);
  }
  Answer answer() const { return answer_; }

 private:
  void connected(const MqttSession&) override {
    answer_ = Answer::yes;
    client_->disconnect();
  }
  // One that does not like our version or our id is there.
  void lost(int reason, const std::string&) override {
    const bool there =
        reason == mqtt::reason::kUnsupportedVersion || reason == mqtt::reason::kBadClientId;
    if (answer_ == Answer::none) answer_ = there ? Answer::yes : Answer::no;
  }
  void published(std::uint64_t, int) override {}
  void message(const std::string&, Bytes) override {}

  Answer answer_ = Answer::none;
  std::unique_ptr<MqttClient> client_;
};

}  // namespace pinaflux
