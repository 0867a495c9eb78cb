#include "agent/agent/said.h"

#include <utility>

#include "version.h"

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

std::string log_key(const std::string& uplink) {
  return uplink == UplinkOptions::kFirst ? uplink : "uplink." + uplink;
}

AgentStatus status_of(const Configuration& configuration, const Process& process, Duration uptime) {
  AgentStatus s;
  s.version = kVersion;
  s.gateway = configuration.gateway;
  s.configuration = configuration.digest;
  s.generation = configuration.generation;
  s.uptime_ms = uptime.milliseconds();
  s.resident_bytes = process.resident_bytes();
  s.written_bytes = process.written_bytes();
  return s;
}

SpoolStatus status_of(const SpoolState& spool, std::uint64_t failures, Duration commit_took,
                      const std::string& text) {
  return {spool.bytes_used,   spool.bytes_max,
          spool.commits,      failures,
          spool.dead_letters, commit_took.seconds() * 1e3,
          spool.full,         text};
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

void tell_lanes(const std::vector<LaneState>& lanes, const Clock& clock, AgentStatus& to) {
  for (const LaneState& lane : lanes) {
    if (lane.kept) {
      to.raw = status_of(lane, clock);
    } else {
      to.lanes.push_back(status_of(lane, clock));
    }
  }
}

UplinkStatus status_of(const std::string& name, const UplinkHealth& health) {
  return {.name = name,
          .broker = health.broker,
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

SourceStatus status_of(const AnySourceOptions& source, const SourceHealth& h, bool held) {
  return {
      source_name(source), source_type(source), state_name(h.state), h.text,   h.parcels, h.records,
      h.records_committed, h.duplicates,        h.refused,           h.missed, held};
}

void say_trouble(Pipeline& pipeline, Log& log) {
  const auto trouble = pipeline.trouble();
  if (!trouble) return;
  log.warning("node." + std::string(trouble->node), "it refused a record: " + trouble->what);
}

void say_forgotten(std::size_t pieces, Log& log) {
  if (pieces == 0) return;
  log.warning("pipeline.forgotten",
              "what nodes knew that the configuration has no more, or under another name, is given "
              "up; records that waited in them become dead letters",
              {{"pieces", std::to_string(pieces)}});
}

void say_held(bool held, bool spool_full, Log& log) {
  if (!held) {
    log.notice("spool.room", "the spool has room again, and what nodes ask is answered");
  } else if (spool_full) {
    log.warning("spool.full",
                "the spool is full: sources are held back until the far end takes some of it");
  } else {
    log.warning("node.full",
                "as many records as a node may have are unanswered: sources are held back until "
                "its process answers");
  }
}

void Said::tell(Log& log, Log::Level level, const std::string& key, const char* station,
                Words now) {
  const bool retries = last_.state != "working" && now.state != "working";
  if ((retries || last_.state == now.state) && last_.text == now.text) return;
  last_ = std::move(now);
  log.line(level, key,
           last_.text.empty() ? "the " + std::string(station) + " changed its state" : last_.text,
           {{"state", last_.state}});
}

}  // namespace pinaflux
