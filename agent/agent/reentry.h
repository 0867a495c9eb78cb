// Reentry: dead letters that an operator sends back: into the group, and told when they are on disk.
//
// Promise    A letter is in one group at a time, however many ask for it. `done` runs once for each take():
//            when every letter of it is committed, or stays.
// Order      take() -> enter() each turn -> committed() after each commit; stop(), then abandon() at the end.
// Ownership  Gatherer and Shapes must outlive it; replays live until their `done`.
// Threads    Loop.
// Tests      tests/agent/agent/reentry_test.cc
#pragma once

#include <deque>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "agent/agent/gatherer.h"
#include "agent/data/replay.h"
#include "agent/ingest/options.h"
#include "agent/seal/envelope.h"
#include "platform/base/arena.h"

namespace pinaflux {

class Reentry {
 public:
  using Done = std::function<void(Status)>;

  // By SourceIndex: their names, and how bytes of theirs are read again.
  Reentry(Gatherer& gatherer, Shapes& shapes, std::vector<SourceOptions> sources)
      : gatherer_(gatherer), shapes_(shapes), sources_(std::move(sources)) {}

  void take(std::span<Replay> replays, Done done);
  // Puts into the group what has room there.
  void enter(Group& group, const Moment& moment);
  // Letters that a commit has replaced.
  void committed(std::span<const LetterId> letters);
  // What is in no group yet stays.
  void stop();
  // Nothing will be committed any more.
  void abandon(const Error& error);

 private:
  struct Request {
    std::span<Replay> replays;
    Done done;
    std::size_t next = 0;  // Those before it are in a group, or stay.
  };
  bool enter(Replay& replay, Group& group, const Moment& moment);
  bool enter_record(Replay& replay, SourceIndex source, Group& group, const Moment& moment);
  bool enter_bytes(Replay& replay, const SourceOptions& source, Group& group, const Moment& moment);
  bool settle(Replay& replay, const Gatherer::Entry& entry);
  bool over(const Request& request) const;
  void conclude();

  Gatherer& gatherer_;
  Shapes& shapes_;
  const std::vector<SourceOptions> sources_;
  std::deque<Request> requests_;
  std::set<LetterId> entered_;  // In a group that is not committed.
  bool stopped_ = false;
};

}  // namespace pinaflux
