// Nodes that find what is out of the ordinary.
#include <algorithm>

#include "agent/config/build.h"
#include "agent/config/units.h"
#include "agent/pipeline/key_limits.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

void check_scored_fields(const Reader& r, const Anomaly& a, Findings& findings) {
  constexpr std::string_view kLongest = "_anomaly";
  const Node* of = r.node("of");
  for (std::size_t i = 0; i < a.of.size(); ++i) {
    const bool item = of != nullptr && i < of->items.size();
    const Place& place = item ? of->items[i].place : r.value_place("of");
    const std::size_t bytes = a.of[i].size();
    if (bytes <= limits::kNameBytesMax && bytes + kLongest.size() > limits::kNameBytesMax) {
      findings.error(place, "no field can be named like this and '_anomaly'",
                     "names have at most 512 bytes: rename the field first");
    }
  }
}

void check_anomaly_keys(const Reader& r, const Anomaly& a, std::size_t all, Findings& findings) {
  const std::size_t fit = all / std::max<std::size_t>(a.of.size(), 1);
  if (fit > 0 && (!r.has("keys_max") || a.keys_max <= fit)) return;
  findings.error(r.value_place(fit == 0 ? "of" : "keys_max"),
                 "so many keys of so many fields are too much to remember",
                 "with a history of " + std::to_string(a.history) + " keys times fields are " +
                     std::to_string(all) + " at most: " +
                     (fit == 0 ? "name fewer fields" : "say keys_max: " + std::to_string(fit)));
}

}  // namespace

Anomaly build_anomaly(const Reader& r, Findings& findings) {
  const auto within = [&](std::string_view name, std::size_t min, std::size_t max) {
    return static_cast<std::size_t>(std::clamp(r.integer(name), static_cast<std::int64_t>(min),
                                               static_cast<std::int64_t>(max)));
  };
  Anomaly a;
  a.of = r.texts("of");
  a.threshold = r.number("threshold");
  a.least_spread = std::max(r.number("least_spread"), 0.0);
  a.history = within("history", kAnomalyHistoryMin, kAnomalyHistoryMax);
  a.warm_up = within("warm_up", kAnomalyHistoryMin, kAnomalyHistoryMax);
  if (!r.has("warm_up")) a.warm_up = std::min(a.warm_up, a.history);
  a.keys = r.texts("by");
  const std::size_t all = anomaly_keys_max(a.history);
  a.keys_max = within("keys_max", 1, kAnomalyKeysMax);
  if (!r.has("keys_max")) {
    a.keys_max = std::min(a.keys_max, all / std::max<std::size_t>(a.of.size(), 1));
  }
  // What is no number, or below 0, has been said.
  if (const auto given = parse_double(r.text("threshold")); given && *given == 0.0) {
    findings.error(r.value_place("threshold"), "'threshold' is above 0",
                   "for example threshold: 6");
  }
  if (a.warm_up > a.history) {
    findings.error(r.value_place("warm_up"),
                   "'warm_up' is more than 'history': nothing would be scored",
                   "say warm_up: " + std::to_string(a.history) + " or less, or a longer history");
  }
  check_scored_fields(r, a, findings);
  check_anomaly_keys(r, a, all, findings);
  return a;
}

Alert build_alert(const Reader& r, Findings& findings) {
  Alert a;
  a.when = r.text("when");
  a.clear = r.text("clear");
  a.lasting = r.duration("for");
  a.repeat = r.duration("repeat");
  a.stream = r.text("stream");
  a.keys = r.texts("by");
  a.keys_max =
      static_cast<std::size_t>(std::clamp<std::int64_t>(r.integer("keys_max"), 1, kAlertKeysMax));
  for (const char* name : {"when", "clear"}) {
    const Node* text = r.node(name);
    if (text != nullptr && text->is_scalar() && !text->text.empty())
      check_expression(*text, findings);
  }
  if (!a.clear.empty() && a.clear == a.when) {
    findings.error(r.value_place("clear"),
                   "'clear' says the same as 'when': it would never be over",
                   "say when it is over, such as temp < 75, or leave 'clear' out");
  }
  if (is_own_stream(a.stream)) refuse_own_stream(r.value_place("stream"), findings);
  if (a.stream.find_first_of("+#*") != std::string::npos) {
    findings.error(r.value_place("stream"), "a stream's name has no wildcards",
                   "write a name such as alerts/hot");
  }
  return a;
}

}  // namespace pinaflux::config
