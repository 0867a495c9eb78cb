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

LaneStatus status_of(const LaneState& lane, const Clock& clock) {
  const bool calendar = lane.oldest.boot == 0;
  const bool aged = lane.records_queued > 0 && (calendar || lane.oldest.boot == clock.boot());
  const std::int64_t now_ns = calendar ? clock.wall().ns : clock.now().ns;
  return {lane.name,           hex(lane.epoch),
          lane.next_seq,       lane.acked,
          lane.records_queued, lane.bytes_queued,
          lane.records_shed,   aged ? (now_ns - lane.oldest.ns) / 1'000'000 : 0};
}

UplinkStatus status_of(const UplinkHealth& health) {
  return {.broker = health.broker,
          .state = state_name(health.state),
          .text = health.text,
          .connects = health.connects,
          .envelopes_sent = health.envelopes_sent,
          .envelopes_acked = health.envelopes_acked,
          .bytes_sent = health.bytes_sent,
          .resent = health.resent,
          .acks_rejected = health.acks_rejected,
          .in_flight = health.in_flight,
          .round_trip_ms = health.round_trip.seconds() * 1e3,
          .interface = health.interface,
          .bounded = health.bounded,
          .used_today = health.used_today,
          .used_this_month = health.used_this_month};
}

bool Said::changed(const std::string& state_now, const std::string& text_now) {
  const bool retries = state != "working" && state_now != "working";
  if ((retries || state == state_now) && text == text_now) return false;
  state = state_now;
  text = text_now;
  return true;
}

}  // namespace pinaflux
