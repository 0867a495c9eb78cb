#include "agent/agent/said.h"

namespace pinaflux {

const char* state_name(SourceHealth::State state) {
  switch (state) {
    case SourceHealth::State::starting: return "starting";
    case SourceHealth::State::working: return "working";
    case SourceHealth::State::waiting: return "waiting";
    case SourceHealth::State::failed: return "failed";
  }
  return "?";
}

const char* state_name(UplinkHealth::State state) {
  switch (state) {
    case UplinkHealth::State::starting: return "starting";
    case UplinkHealth::State::connecting: return "connecting";
    case UplinkHealth::State::working: return "working";
    case UplinkHealth::State::waiting: return "waiting";
  }
  return "?";
}

bool Said::changed(const std::string& state_now, const std::string& text_now) {
  const bool retries = state != "working" && state_now != "working";
  if ((retries || state == state_now) && text == text_now) return false;
  state = state_now;
  text = text_now;
  return true;
}

}  // namespace pinaflux
