// Nodes that thin a stream, and look at how fast it changes.
#include <algorithm>
#include <cmath>

#include "agent/config/build.h"
#include "agent/pipeline/key_limits.h"
#include "agent/pipeline/pipeline.h"

namespace pinaflux::config {

namespace {

std::size_t keys_of(const Reader& r) {
  return static_cast<std::size_t>(std::clamp<std::int64_t>(r.integer("keys_max"), 1, 65'536));
}

void check_swing(const Reader& r, const Deadband& d, Findings& findings) {
  if (!(d.swing > 0.0)) {
    findings.error(r.value_place("swing"), "'swing' is above 0", "for example swing: 0.5");
  }
  for (const char* other : {"within", "percent"}) {
    if (!r.has(other)) continue;
    findings.error(
        r.key_place(other), "'" + std::string(other) + "' and 'swing' exclude each other",
        "keep one of them: with swing a straight line is near enough, without it a step");
  }
  if (d.silence_max.ns <= 0) {
    findings.error(r.has("silence_max") ? r.value_place("silence_max") : r.place(),
                   "a swinging door may hold a record back for ever",
                   "add silence_max: 10m, or how late a record may be");
  }
  if (d.keys_max > kSwingKeysMax) {
    findings.error(r.value_place("keys_max"), "a swinging door has at most 4096 keys",
                   "each holds a record: lower it, or leave it out");
  }
}

}  // namespace

Deadband build_deadband(const Reader& r, Findings& findings) {
  Deadband d;
  d.field = r.text("of");
  d.within = std::max(r.number("within"), 0.0);
  d.percent = std::max(r.number("percent"), 0.0);
  d.swing = r.number("swing");
  d.silence_max = r.duration("silence_max");
  d.keys = r.texts("by");
  d.keys_max = keys_of(r);
  if (r.has("swing")) check_swing(r, d, findings);
  return d;
}

Dedupe build_dedupe(const Reader& r) {
  return {.within = r.duration("within"), .keys = r.texts("by"), .keys_max = keys_of(r)};
}

Sample build_sample(const Reader& r) {
  return {.every = r.duration("every"),
          .one_in = static_cast<std::uint64_t>(std::max<std::int64_t>(r.integer("one_in"), 0)),
          .keys = r.texts("by"),
          .keys_max = keys_of(r)};
}

RateLimit build_limit(const Reader& r) {
  return {.rate = static_cast<std::uint64_t>(std::max<std::int64_t>(r.integer("rate"), 0)),
          .per = r.duration("per"),
          .keys = r.texts("by"),
          .keys_max = keys_of(r)};
}

ChangeRate build_rate(const Reader& r, Findings& findings) {
  ChangeRate c;
  c.of = r.texts("of");
  c.per = r.duration("per");
  c.counter = r.boolean("counter");
  c.wraps_at = r.number("wraps_at");
  c.total = r.boolean("total");
  c.keys = r.texts("by");
  c.keys_max = keys_of(r);
  if (r.has("wraps_at") && !(c.wraps_at > 0.0 && std::isfinite(c.wraps_at))) {
    findings.error(r.value_place("wraps_at"), "'wraps_at' is above 0",
                   "for example wraps_at: 4294967296, of a counter of 32 bits");
  }
  if (!c.counter && (c.total || r.has("wraps_at"))) {
    findings.error(r.key_place(c.total ? "total" : "wraps_at"),
                   c.total ? "only a counter has a total" : "only a counter wraps",
                   "add counter: true");
  }
  if (!c.of.empty() && c.keys_max > kChangeRateKeysMax / c.of.size()) {
    findings.error(r.has("keys_max") ? r.value_place("keys_max") : r.value_place("of"),
                   "so many keys of so many fields are too much to remember",
                   "keys times fields are 65536 at most: say keys_max: " +
                       std::to_string(std::max<std::size_t>(kChangeRateKeysMax / c.of.size(), 1)));
  }
  return c;
}

}  // namespace pinaflux::config
