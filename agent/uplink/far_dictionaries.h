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
      if (has(sent.id)) sent.patience = {};
    }
  }
  // It keeps dictionaries.
  bool said() const { return said_; }
  bool has(std::string_view id) const { return std::ranges::contains(has_, id); }
  // Where nobody says what the far end has, what was sent is there.
  void assume(const std::string& id) {
    if (!has(id)) has_.push_back(id);
  }

  // Never twice within `least`, whatever the far end says.
  bool may_send(std::string_view id, Instant now, Duration least) const {
    const auto at = std::ranges::find(sent_, id, &Sent::id);
    return at == sent_.end() || now - at->at >= std::max(at->patience, least);
  }
  // True: in vain before; it is sent ever more rarely then.
  bool sent(const std::string& id, Instant now, Duration least) {
    std::erase_if(sent_, [&](const Sent& each) {
      return each.id != id && now - each.at >= std::max(kPatienceMax, least);
    });
    auto at = std::ranges::find(sent_, id, &Sent::id);
    if (at == sent_.end()) at = sent_.insert(sent_.end(), Sent{.id = id});
    const bool in_vain = at->patience > Duration{};
    at->at = now;
    at->patience = in_vain ? std::min(at->patience * 2, std::max(kPatienceMax, least)) : least;
    return in_vain;
  }

 private:
  struct Sent {
    std::string id;
    Instant at{};
    Duration patience{};
  };
  bool said_ = false;
  std::vector<std::string> has_;
  std::vector<Sent> sent_;  // Lately.
};

}  // namespace pinaflux
