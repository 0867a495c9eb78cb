// Brokers: the primary and its fall-backs, which of them is in use, and whether the primary is back.
//
//   primary  --two attempts fail-->  fall-back  --two fail-->  next ...  -->  primary, with back-off
//   on a fall-back the primary is tried beside it, each UplinkOptions::return_every; once it answers, the link moves
//
// Threads    Loop.
// Tests      tests/agent/uplink/brokers_test.cc
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "platform/mqtt_client.h"

namespace pinaflux {

class Brokers {
 public:
  static constexpr int kTriesEach = 2;

  Brokers(const std::string& primary, const std::vector<std::string>& fallbacks) : all_{primary} {
    all_.insert(all_.end(), fallbacks.begin(), fallbacks.end());
  }
  const std::string& at() const { return all_[at_]; }
  const std::string& primary() const { return all_.front(); }
  bool on_primary() const { return at_ == 0; }
  bool several() const { return all_.size() > 1; }
  std::size_t rounds() const { return rounds_; }  // So often none of them could be reached.
  void proved_good() { failures_ = 0, rounds_ = 0; }
  // An attempt failed. True: it is another one's turn.
  bool failed() {
    if (all_.size() == 1 || ++failures_ < kTriesEach) return false;
    at_ = (at_ + 1) % all_.size();
    if (at_ == 0) ++rounds_;
    failures_ = 0;
    return true;
  }
  void go_back() { at_ = 0, failures_ = 0; }

 private:
  std::vector<std::string> all_;
  std::size_t at_ = 0;
  int failures_ = 0;
  std::size_t rounds_ = 0;
};

// A connection beside the one in use, that only tells whether the primary takes us.
class PrimaryProbe final : private MqttClient::Events {
 public:
  enum class Answer { none, yes, no };
  static constexpr int kUnsupportedVersion = 0x84,
                       kClientIdRefused = 0x85;  // MQTT 5.0, section 2.4.

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
    const bool there = reason == kUnsupportedVersion || reason == kClientIdRefused;
    if (answer_ == Answer::none) answer_ = there ? Answer::yes : Answer::no;
  }
  void published(std::uint64_t, int) override {}
  void message(const std::string&, Bytes) override {}

  Answer answer_ = Answer::none;
  std::unique_ptr<MqttClient> client_;
};

}  // namespace pinaflux
