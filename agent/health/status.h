// Status: what the agent knows of itself, as plain values, and the three ways to show it.
//
// Promise    Holds no value of a record: names, counts, states and texts only. The JSON is a contract
//            ("pinaflux.status/1"): changes by addition only.
// Threads    Values and pure functions; any.
// Tests      tests/agent/health/status_test.cc (golden)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/base/time.h"

namespace pinaflux {

struct SourceStatus {
  std::string name, type, state, text;
  std::uint64_t parcels = 0, records = 0, records_committed = 0;
  std::uint64_t duplicates = 0, refused = 0, missed = 0;
  bool held = false;
};

struct LaneStatus {
  std::string name, epoch;
  std::uint64_t next_seq = 1, acked = 0;
  std::uint64_t records_queued = 0, bytes_queued = 0, records_shed = 0;
  std::int64_t oldest_age_ms = 0;
};

struct UplinkStatus {
  static constexpr const char* kFirst = "uplink";
  std::string name = kFirst, broker, state, text;
  std::uint64_t connects = 0, envelopes_sent = 0, envelopes_acked = 0, bytes_sent = 0;
  std::uint64_t resent = 0, acks_rejected = 0, in_flight = 0;
  double round_trip_ms = 0.0;
  std::string interface = {};  // That leads to the broker; empty: nothing depends on it.
  bool bounded = false;        // By a budget, of which has been used, in bytes:
  std::uint64_t used_today = 0, used_this_month = 0;
};

struct SpoolStatus {
  std::uint64_t bytes_used = 0, bytes_max = 0, commits = 0, commit_failures = 0, dead_letters = 0;
  double commit_ms = 0.0;  // The last one.
  bool full = false;
  std::string text;  // What is wrong and what to do next; empty when all is well.
};

// A process that a node of the pipeline asks.
struct CompanionStatus {
  std::string node, state, text;  // running, restarting, stopped.
  std::uint64_t restarts = 0, unanswered = 0;
};

struct RefusedCount {
  std::string reason;
  std::uint64_t count = 0;
};

struct AgentStatus {
  std::string version, gateway, configuration;
  std::uint64_t generation = 0;
  std::int64_t uptime_ms = 0;
  bool clock_trusted = false;
  std::string clock_text;  // What follows and what to do; empty while it is trusted.
  std::uint64_t resident_bytes = 0, written_bytes = 0;
  std::vector<SourceStatus> sources;
  std::vector<LaneStatus> lanes;
  std::optional<LaneStatus> raw;  // What sources with `keep: raw` keep; nothing of it is sent.
  std::vector<RefusedCount> refused;
  std::uint64_t revisions = 0;  // Windows that were given again, since the start.
  SpoolStatus spool;
  std::vector<UplinkStatus> uplinks;  // The first one first.
  std::vector<CompanionStatus> companions = {};
};

// Everything works: a failed source, a failing disk, a full spool or a process that does not stay up is not. A link that is down is
// what the spool is for, and healthy.
bool healthy(const AgentStatus& status);

std::string status_json(const AgentStatus& status);        // One line.
std::string status_text(const AgentStatus& status);        // For a terminal, 100 columns.
std::string status_prometheus(const AgentStatus& status);  // Text exposition format 0.0.4.

}  // namespace pinaflux
