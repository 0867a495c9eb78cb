// Said: what a station says of itself, in words and for the status; and what it said last, so that it is logged when it
// changes.
//
// Threads    Loop.
#pragma once

#include <string>

#include "agent/health/status.h"
#include "agent/ingest/source.h"
#include "agent/spool/spool.h"
#include "agent/uplink/uplink.h"
#include "platform/clock.h"

namespace pinaflux {

const char* state_name(SourceHealth::State state);
const char* state_name(UplinkHealth::State state);

LaneStatus status_of(const LaneState& lane, const Clock& clock);
UplinkStatus status_of(const UplinkHealth& health);

struct Said {
  std::string state, text;

  // Not at every step of a retry: when it begins or ceases to work, or gives another reason.
  bool changed(const std::string& state_now, const std::string& text_now);
};

}  // namespace pinaflux
