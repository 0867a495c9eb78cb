// Said: what a station said of itself last, so that it is logged when it changes.
//
// Threads    Loop.
#pragma once

#include <string>

#include "agent/ingest/source.h"
#include "agent/uplink/uplink.h"

namespace pinaflux {

const char* state_name(SourceHealth::State state);
const char* state_name(UplinkHealth::State state);

struct Said {
  std::string state, text;

  // Not at every step of a retry: when it begins or ceases to work, or gives another reason.
  bool changed(const std::string& state_now, const std::string& text_now);
};

}  // namespace pinaflux
