// FarDictionaries: which of a lane's dictionaries the far end has, as far as it has said on this connection, and when one that
// it lacks may be sent to it again.
//
// Threads    Loop.
// Tests      tests/agent/uplink/dictionaries_test.cc
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "platform/base/time.h"

namespace pinaflux {

class FarDictionaries {
 public:
  static constexpr Duration kPatienceMax = Duration::hours(1);

  // Another connection, and maybe another far end.
  void greet() {
    said_ = false;
    has_.clear();
  }
  void told(const std::vector<std::string>& ids) {
    said_ = true;
    has_ = ids;
    for (Sent& sent : sent_) {
      if (has(sent.id)) sent.in_vain = 0;
    }
  }
  // It keeps dictionaries.
  bool said() const { return said_; }
  bool has(std::string_view id) const { return std::ranges::contains(has_, id); }
  // Where nobody says what the far end has, what was sent is there.
  void assume(const std::string& id) {
    if (!has(id)) has_.push_back(id);
  }

  bool may_send(std::string_view id, Instant now) const {
    const auto at = std::ranges::find(sent_, id, &Sent::id);
    return at == sent_.end() || now - at->at >= at->patience();
  }
  // Sent in vain, it is sent ever more rarely; never twice within `patience`, whatever the far end says.
  void sent(const std::string& id, Instant now, Duration patience) {
    std::erase_if(sent_, [&](const Sent& each) {
      return each.id != id && now - each.at >= std::max(kPatienceMax, each.least);
    });
    auto at = std::ranges::find(sent_, id, &Sent::id);
    if (at == sent_.end()) at = sent_.insert(sent_.end(), Sent{.id = id});
    at->at = now;
    at->least = patience;
    at->in_vain = std::min(at->in_vain + 1, kInVainMax);
  }

 private:
  static constexpr int kInVainMax = 16;
  struct Sent {
    std::string id;
    Instant at{};
    Duration least{};
    int in_vain = 0;
    Duration patience() const {
      Duration all = least;
      for (int i = 1; i < in_vain && all < kPatienceMax; ++i) all = all * 2;
      return std::max(std::min(all, kPatienceMax), least);
    }
  };
  bool said_ = false;
  std::vector<std::string> has_;
  std::vector<Sent> sent_;  // Lately.
};

}  // namespace pinaflux
