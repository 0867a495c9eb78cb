// The two ways to show an account, gateway by gateway. The JSON is a contract: changes by addition only.

#include <cstdio>
#include <span>

#include "agent/collector/verify.h"
#include "agent/seal/row_json.h"
#include "platform/base/json_writer.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

// Lanes are in the order of their gateways, and some of those have told nothing of themselves yet.
std::vector<GatewayReport> all_of(const VerifyReport& report) {
  std::map<std::string, GatewayReport> all;
  for (const LaneReport& lane : report.lanes) all[lane.gateway] = {lane.gateway, "unknown", {}};
  for (const GatewayReport& gateway : report.gateways) all[gateway.name] = gateway;
  std::vector<GatewayReport> sorted;
  for (auto& [name, gateway] : all) sorted.push_back(std::move(gateway));
  return sorted;
}

std::int64_t seconds_since(WallTime then, WallTime now) {
  return (now.ns - then.ns) / Duration::seconds(1).ns;
}

std::string age(WallTime then, WallTime now) {
  if (then == WallTime{}) return "-";
  const std::int64_t seconds = seconds_since(then, now);
  if (seconds < 120) return std::to_string(seconds) + "s";
  if (seconds < 7'200) return std::to_string(seconds / 60) + "m";
  if (seconds < 172'800) return std::to_string(seconds / 3'600) + "h";
  return std::to_string(seconds / 86'400) + "d";
}

void append_lane(JsonWriter& j, const LaneReport& lane, WallTime now) {
  j.begin_object().key("lane").string(lane.lane).key("epoch").string(lane.epoch);
  j.key("high").number(lane.high).key("last").number(lane.last);
  j.key("landed").number(lane.landed).key("lost").number(lane.lost_count());
  j.key("outstanding").number(lane.outstanding).key("missing").number(lane.missing);
  j.key("gap_s");
  if (lane.gap_since) {
    j.number(seconds_since(*lane.gap_since, now));
  } else {
    j.null();
  }
  j.key("forks").number(lane.forks).end_object();
}

}  // namespace

std::string gateways_json(const VerifyReport& report, WallTime now) {
  JsonWriter j;
  j.begin_object().key("schema").string("pinaflux.gateways/1").key("gateways").begin_array();
  std::span<const LaneReport> lanes = report.lanes;
  for (const GatewayReport& gateway : all_of(report)) {
    j.begin_object().key("gateway").string(gateway.name).key("state").string(gateway.state);
    j.key("seen");
    if (gateway.seen == WallTime{}) {
      j.null();
    } else {
      j.string(iso_time(gateway.seen.ns));
    }
    j.key("lanes").begin_array();
    for (; !lanes.empty() && lanes.front().gateway == gateway.name; lanes = lanes.subspan(1)) {
      append_lane(j, lanes.front(), now);
    }
    j.end_array().end_object();
  }
  j.end_array().end_object();
  return j.take() + "\n";
}

std::string gateways_text(const VerifyReport& report, WallTime now) {
  std::string text =
      "gateway/epoch/lane                 state      seen       landed       lost outstanding   "
      "missing    gap\n";
  std::span<const LaneReport> lanes = report.lanes;
  for (const GatewayReport& gateway : all_of(report)) {
    const std::string state = printable(gateway.state) + " ";
    for (; !lanes.empty() && lanes.front().gateway == gateway.name; lanes = lanes.subspan(1)) {
      const LaneReport& lane = lanes.front();
      std::string name = printable(lane.gateway) + "/" + lane.epoch.substr(0, 8) + "/" +
                         printable(lane.lane) + " ";
      if (name.size() < 35) name.resize(35, ' ');
      char numbers[160];
      std::snprintf(numbers, sizeof numbers, "%-9s %5s %12llu %10llu %11llu %9llu %6s\n",
                    state.c_str(), age(gateway.seen, now).c_str(),
                    static_cast<unsigned long long>(lane.landed),
                    static_cast<unsigned long long>(lane.lost_count()),
                    static_cast<unsigned long long>(lane.outstanding),
                    static_cast<unsigned long long>(lane.missing),
                    lane.gap_since ? age(*lane.gap_since, now).c_str() : "-");
      text += name + numbers;
    }
  }
  return text;
}

}  // namespace pinaflux
