// TrustedTime: which time a record gets, and the anchors that lanes are owed for what came before.
//
// Promise    Trust, once gained, stays for the boot, over restarts of the agent, too. Each configured lane
//            that got a record with a stamp of this boot gets one anchor behind it, once there is trust;
//            that it is owed is on disk with the first such record.
// Limits     A reboot forgets what was owed: nobody knows any more when that boot was.
// Ownership  Clock and Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/agent/trusted_time_test.cc
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/config/clock_rule.h"
#include "agent/config/load.h"
#include "agent/data/anchor.h"
#include "agent/data/group.h"
#include "agent/data/lease.h"
#include "platform/clock.h"

namespace pinaflux {

class TrustedTime {
 public:
  struct Options {
    ClockRule rule = ClockRule::synchronised;
    WallTime built;                       // No trusted clock shows an earlier time.
    std::vector<std::string> lanes = {};  // Configured ones, by LaneIndex.
    // Of them, those that go to where no collector can resolve what is sent without calendar time.
    std::vector<std::string> resolved_here = {};
  };
  static Options options_of(const Configuration& configuration, WallTime built);
  // Of a synchronised clock at best: simple time services tell the kernel no error at all.
  static constexpr Duration kErrorMin = Duration::milliseconds(100);
  // Of a clock that is only plausible: a battery-backed one, or what somebody typed in.
  static constexpr Duration kPlausibleError = Duration::minutes(1);
  static constexpr Duration kLookEvery = Duration::seconds(1);
  // Of link: so long sealing waits for trust where nobody afar resolves.
  static constexpr Duration kWaitMax = Duration::minutes(1);

  TrustedTime(Options options, const Clock& clock, Shapes& shapes);

  // What the spool remembers of an earlier life; before the first look().
  void restore(const std::vector<StateEdit>& states);
  // Asks the clock: once each kLookEvery. True: trust was gained just now.
  bool look(bool link_up);
  bool trusted() const { return anchor_.has_value(); }
  // For a record that arrives now: calendar time, or time since the boot while there is no trust.
  Stamp stamp() const;
  // Of this boot; once there is trust.
  const std::optional<Anchor>& anchor() const { return anchor_; }

  // The lane has records of this boot, and no anchor behind them yet.
  bool owes(LaneIndex lane) const { return lane < owed_.size() && owed_[lane]; }
  // Puts the anchors that are owed into the group, if there is trust.
  void tell(Group& group);
  // The last thing before a group is committed: notes whom it owes an anchor, tells, keeps the notes.
  void prepare(Group& group);
  // Lanes whose records wait for trust get no places.
  void withhold(LeaseWish& wish) const;
  // What follows while there is no trust, and what to do; else empty.
  std::string text() const;

 private:
  void note_owed(const Group& group);
  void keep(Group& group);
  void restore_trust(Bytes value);
  void restore_owed(Bytes value);

  const Options options_;
  const Clock& clock_;
  const std::uint64_t boot_;
  const Shape* shape_;
  std::optional<Anchor> anchor_;
  std::array<bool, limits::kLanesMax> waits_{};  // For trust: it is resolved here.
  bool doubted_ = false;  // Stamps of this boot were given: more may come from where records wait.
  std::array<bool, limits::kLanesMax> owed_{};
  Duration linked_{};                          // With a link and without trust.
  bool trust_kept_ = true, owed_kept_ = true;  // As it is here, on disk or in a group.
};

}  // namespace pinaflux
