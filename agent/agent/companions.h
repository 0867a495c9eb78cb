// Companions: the processes that nodes of the pipeline ask (execd): started, fed, heard, and started again.
//
// Promise    A process that ends, that answers what is no answer, or nothing for `answer_within`, is started again, with back-off, and
//            asked all that is unanswered. One whose program's files changed is started again within
//            kLookEvery. What this machine's kernel lacks of their sandbox is logged at the start.
// Limits     A start may take two seconds of the loop (children.h). What waits is bounded by the pipeline (Pipeline::holds_back).
// Ownership  All that is handed in must outlive it, and the processes die with it.
// Threads    Loop.
// Tests      tests/agent/agent/companions_test.cc
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "agent/health/status.h"
#include "agent/pipeline/pipeline.h"
#include "platform/base/log.h"
#include "platform/base/random.h"
#include "platform/children.h"
#include "platform/clock.h"
#include "platform/files.h"
#include "platform/loop.h"

namespace pinaflux {

class Companions {
 public:
  static constexpr Duration kRetryMin = Duration::milliseconds(100);
  static constexpr Duration kRetryMax = Duration::seconds(30);
  static constexpr Duration kLookEvery = Duration::seconds(5);
  // So long the pipeline holds back, and nothing is answered, before it is said, and sources are held.
  static constexpr Duration kHeldMin = Duration::seconds(5);

  struct Host {
    Children* children;  // None: nothing is started, and all of it waits.
    Loop& loop;
    const Clock& clock;
    Files& files;
    Log& log;
    Random& random;
  };
  // Starts them.
  Companions(const Pipeline& pipeline, const Host& host);
  ~Companions();

  // Between walks of the pipeline: they get what they are to be asked by now.
  void turn();
  // The pipeline has held back without an answer for kHeldMin.
  bool hold() const;
  // Why the process of the node is gone, until it is started again; "" while there is one.
  std::string_view failure(std::string_view node) const;
  std::vector<CompanionStatus> status() const;

 private:
  class Companion;

  void look();

  const Pipeline& pipeline_;
  const Host host_;
  Instant held_since_ = Instant::never();
  std::uint64_t answers_ = 0;  // By then.
  std::vector<std::unique_ptr<Companion>> companions_;
  std::unique_ptr<Timer> look_;
};

}  // namespace pinaflux
