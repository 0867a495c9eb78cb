#include <algorithm>
#include <optional>
#include <string>

#include "agent/config/build.h"
#include "agent/uplink/traffic.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

constexpr std::size_t kInterfaceBytesMax = 15;  // IFNAMSIZ of Linux, without its end.
constexpr int kHourMinutes = 60, kDayMinutes = 24 * kHourMinutes;
constexpr std::uint64_t kPingShare =
    10;  // A tenth of a day's budget for keep-alives is worth a warning.

// "HH:MM"; 24:00 is the day's end.
std::optional<int> parse_minute(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hour = parse_integer<unsigned>(text.substr(0, 2));
  const auto minute = parse_integer<unsigned>(text.substr(3));
  if (!hour || !minute || *minute >= kHourMinutes) return std::nullopt;
  const int all = static_cast<int>(*hour * kHourMinutes + *minute);
  return *hour > 24 || all > kDayMinutes ? std::nullopt : std::optional(all);
}

std::optional<BudgetLimits::Times> parse_times(std::string_view text) {
  Split pieces(text, '-');
  std::string_view from, to, none;
  if (!pieces.next(from) || !pieces.next(to) || pieces.next(none)) return std::nullopt;
  const auto first = parse_minute(trim(from)), last = parse_minute(trim(to));
  if (!first || !last || *first == *last) return std::nullopt;
  return BudgetLimits::Times{*first, *last};
}

BudgetLimits build_budget(const Reader& section, Building& building) {
  BudgetLimits limits;
  if (!section.has("budget")) return limits;
  const Reader r = section.section("budget");
  if (r.has("second")) limits.second = r.size("second");
  if (r.has("day")) limits.day = r.size("day");
  if (r.has("month")) limits.month = r.size("month");
  for (const std::string& text : r.texts("times")) {
    if (const auto times = parse_times(text)) {
      limits.times.push_back(*times);
    } else {
      building.findings.error(r.value_place("times"), "this is no time of day from and until",
                              "write for example \"22:00-05:30\", in UTC");
    }
  }
  if (limits.month > 0 && limits.day > limits.month) {
    building.findings.error(r.value_place("day"), "more for a day than for a month",
                            "lower 'day' or raise 'month'");
  }
  return limits;
}

void build_shares(const Reader& root, UplinkOptions& o, Building& building) {
  unsigned sum = 0;
  for (const auto& [name, r] : root.names("lanes")) {
    const auto its = std::ranges::find(o.lanes, name, &UplinkOptions::Lane::name);
    if (its == o.lanes.end()) continue;
    its->priority = static_cast<int>(r.integer("priority"));
    its->share = static_cast<unsigned>(r.integer("share"));
    its->budget = build_budget(r, building);
    sum += its->share;
    if (sum > 100) {
      building.findings.error(r.value_place("share"), "the lanes' shares are more than 100 percent",
                              "lower one of them");
      return;
    }
  }
}

// A lane whose envelopes never fit beside the others' shares would wait for ever.
void check_what_is_left(const Reader& root, const UplinkOptions& o, Building& building) {
  unsigned sum = 0;
  for (const auto& lane : o.lanes) sum += lane.share;
  for (const std::uint64_t limit : {o.budget.day, o.budget.month}) {
    for (const auto& [name, r] : root.names("lanes")) {
      if (!std::ranges::contains(o.lanes, name, &UplinkOptions::Lane::name)) continue;
      const auto share = static_cast<unsigned>(r.integer("share"));
      if (limit < Budget::kLimitMin || sum > 100 ||
          limit * (100 - (sum - share)) / 100 >= Budget::kLimitMin) {
        continue;
      }
      building.findings.error(
          r.place(),
          "the shares of the other lanes leave lane '" + name +
              "' too little of the uplink's budget: its batches would never fit",
          "lower the shares, or raise the budget, so that 256KiB are left");
      return;
    }
  }
}

// A connection that is only kept alive uses a data plan, too.
void warn_of_pings(const Reader& r, const UplinkOptions& o, Building& building) {
  if (o.budget.day < Budget::kLimitMin || o.keep_alive <= Duration{}) return;
  const auto pings = static_cast<std::uint64_t>(Duration::days(1).ns / o.keep_alive.ns);
  const std::uint64_t bytes = pings * traffic::ping(tls::spoken(o.broker));
  if (bytes < o.budget.day / kPingShare) return;
  building.findings.warning(
      r.section("budget").value_place("day"),
      "keeping the connection alive takes up to " + std::to_string(bytes / 1024) +
          " KiB of it each day",
      "raise keep_alive, for example to 15m; the broker must not cut the line before");
}

// What else the link's budget says.
void build_plan(const Reader& budget, UplinkOptions& o, Building& building) {
  o.month_begins = static_cast<int>(budget.integer("month_begins"));
  for (const std::string& name : budget.texts("interfaces")) {
    const std::string_view fixed = std::string_view(name).substr(0, name.find('*'));
    if (fixed.empty() || name.size() > fixed.size() + 1 || name.size() > kInterfaceBytesMax ||
        name.find_first_of("/ \t:") != std::string::npos) {
      building.findings.error(budget.value_place("interfaces"), "this is no name of an interface",
                              "write for example wwan0, or \"wwan*\"; `ip link` lists them");
    }
    o.budget.interfaces.push_back(name);
  }
}

void build_of(const Reader& root, const Reader& uplink, UplinkOptions& o, Building& building) {
  o.budget = build_budget(uplink, building);
  if (uplink.has("budget")) build_plan(uplink.section("budget"), o, building);
  build_shares(root, o, building);
  check_what_is_left(root, o, building);
  warn_of_pings(uplink, o, building);
}

}  // namespace

void build_budgets(const Reader& root, Building& building) {
  auto& uplinks = building.to.uplinks;
  build_of(root, root.section("uplink"), uplinks.front(), building);
  for (const auto& [name, r] : root.names("uplinks")) {
    const auto its =
        std::ranges::find(uplinks.begin() + 1, uplinks.end(), name, &UplinkOptions::name);
    if (its != uplinks.end()) build_of(root, r, *its, building);
  }
}

}  // namespace pinaflux::config
