// `pinaflux queue ...`: what waits in the spool, with the agent running or not.
//
// Promise    What a machine reads goes to standard output, what a person must know to standard error. No
//            value is shown that `decode` would not show.
// Threads    The caller's.
// Tests      tests/e2e/run (the_queue_*)
#pragma once

#include <cstdint>
#include <string>

#include "agent/cli/queue_session.h"

namespace pinaflux {

// Each returns the exit status (exit_status.h).
int queue_stats(const QueueTarget& target, bool json);
// Empty lane: of each.
int queue_peek(const QueueTarget& target, const std::string& lane, std::uint64_t count);
// To a file, or into a directory. Nothing leaves the queue.
int queue_export(const QueueTarget& target, const std::string& where, const std::string& lane,
                 bool force);
// `before`: 2026-11-26, 2026-11-26T05:00:00Z, or an age such as 36h; empty: all. Without `yes` nothing
// is done.
struct PurgeOptions {
  std::string lane, before;
  bool all = false, yes = false, json = false;
};
int queue_purge(const QueueTarget& target, const PurgeOptions& options);
// What is kept raw from `since` (as `before`) on, or all of it, through the running agent's pipeline once more.
struct ReplayOptions {
  std::string since;
  bool all = false, json = false;
};
int queue_replay(const QueueTarget& target, const ReplayOptions& options);
// 65 when it found damage.
int queue_verify(const QueueTarget& target, bool json);
// An export of an earlier spool of this gateway, to be sent beside what is here; with the agent stopped.
int queue_import(const QueueTarget& target, const std::string& file, bool json);
// With the agent stopped. 0 when nothing is wrong any more; 65 when something is that it cannot make good.
int queue_repair(const QueueTarget& target, bool json);

}  // namespace pinaflux
