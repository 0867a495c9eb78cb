// Pace: when to commit, and when to ask for envelopes: pure decisions over time, without I/O.
//
// Rules      A group is committed when it is full, when its age is `commit_every`, or soon after every
//            source waits for it. Envelopes are asked for once a `batch_age`, so that a live lane sends
//            dense batches, and at once while a lane has a backlog; what just came in has places then only
//            once a `batch_age`, too. Lanes that leave together have one batch age, and are asked together.
// Threads    Loop.
// Tests      tests/agent/agent/pace_test.cc
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "agent/data/lease.h"
#include "agent/data/limits.h"
#include "platform/base/time.h"

namespace pinaflux {

class Pace {
 public:
  struct Options {
    Duration commit_every = Duration::seconds(1);
    std::vector<Duration> batch_ages{Duration::seconds(1)};     // Of each way out.
    std::array<std::uint8_t, limits::kLanesMax> way_of_lane{};  // An index of them.
  };
  struct Group {
    bool empty = true;
    bool full = false;
    bool stalled = false;  // Every source that could bring something waits for this commit.
  };

  explicit Pace(Options options)
      : options_(std::move(options)), asked_(options_.batch_ages.size()) {
    lanes_.fill(Lane::backlog);
  }

  // What to ask the spool for now, of what the uplink would take.
  LeaseWish lease_now(const LeaseWish& free_places, const Group& group, Instant now) const;
  bool commit_now(const Group& group, const LeaseWish& leases, Instant now);
  // When to decide again, if nothing happens before.
  Instant next(const LeaseWish& free_places, const Group& group) const;

  void asked(const LeaseWish& wish, Instant now);
  // After a commit: `brought` envelopes of a lane; records were committed to it.
  void leased(LaneIndex lane, const LeaseWish& wish, std::size_t brought, bool records);
  // The lane's leases were lost: all of it must be asked for again.
  void lost(LaneIndex lane);

 private:
  enum class Lane : std::uint8_t {
    empty,    // The last wish brought less than it asked for, and nothing was committed since.
    some,     // Committed since the last wish, or not sealed by it.
    backlog,  // The last wish was granted in full, or nobody asked yet: more may wait.
  };
  Instant batch_due(std::size_t lane) const {
    const std::size_t way = options_.way_of_lane[lane];
    return asked_[way] + options_.batch_ages[way];
  }

  Options options_;
  std::array<Lane, limits::kLanesMax> lanes_{};
  std::array<bool, limits::kLanesMax>
      lost_{};                         // Since the last wish: its answer knows nothing of it.
  std::vector<Instant> asked_;         // When envelopes were last asked for, by way.
  Instant opened_ = Instant::never();  // When the group got its first content.
};

}  // namespace pinaflux
