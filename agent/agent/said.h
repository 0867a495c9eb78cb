// Said: what a station says of itself, in words and for the status; and what it said last, so that it is logged when it
// changes.
//
// Threads    Loop.
#pragma once

#include <string>

#include "agent/config/load.h"
#include "agent/health/status.h"
#include "agent/ingest/factory.h"
#include "agent/ingest/source.h"
#include "agent/pipeline/pipeline.h"
#include "agent/spool/spool.h"
#include "agent/uplink/uplink.h"
#include "platform/base/log.h"
#include "platform/clock.h"
#include "platform/process.h"

namespace pinaflux {

const char* state_name(SourceHealth::State state);
const char* state_name(UplinkHealth::State state);
std::string log_key(const std::string& uplink);  // Of what one says.

// Who it is, and what the kernel says of it: the rest is the stations'.
AgentStatus status_of(const Configuration& configuration, const Process& process, Duration uptime);
SpoolStatus status_of(const SpoolState& spool, std::uint64_t failures, Duration commit_took,
                      const std::string& text);
LaneStatus status_of(const LaneState& lane, const Clock& clock);
void tell_lanes(const std::vector<LaneState>& lanes, const Clock& clock, AgentStatus& to);
UplinkStatus status_of(const std::string& name, const UplinkHealth& health);
SourceStatus status_of(const AnySourceOptions& source, const SourceHealth& health, bool held);

// Why a node refused a record, if one did and says it.
void say_trouble(Pipeline& pipeline, Log& log);
// That the state of nodes is given up which the configuration does not have any more, if there is such.
void say_forgotten(std::size_t pieces, Log& log);

// That sources are held back, and why; or that they are not any more.
void say_held(bool held, bool spool_full, Log& log);

class Said {
 public:
  struct Words {
    std::string state, text;
  };
  // Logs it under `key`, if it is news of the `station`: not every step of a retry, but when it begins or ceases to
  // work, or gives another reason.
  void tell(Log& log, Log::Level level, const std::string& key, const char* station, Words now);

 private:
  Words last_;
};

}  // namespace pinaflux
