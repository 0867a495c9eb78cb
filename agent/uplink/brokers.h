// Brokers: the primary and its fall-backs, and which of them is in use.
//
//   primary  --two attempts fail-->  fall-back  --two fail-->  next ...  -->  primary, with back-off
//   on a fall-back the primary is tried beside it, each UplinkOptions::return_every; once it answers, the link moves
//
// Threads    Loop.
// Tests      tests/agent/uplink/brokers_test.cc
#pragma once

#include <cstddef>
#include <string>
#include <vector>

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

}  // namespace pinaflux
