// Nodes that thin a stream, and look at how fast it changes.
#include <algorithm>
#include <cmath>
#include <span>

#include "agent/config/build.h"
#include "agent/config/units.h"
#include "agent/pipeline/key_limits.h"
#include "agent/pipeline/pipeline.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

std::size_t keys_of(const Reader& r) {
  return static_cast<std::size_t>(std::clamp<std::int64_t>(r.integer("keys_max"), 1, 65'536));
}

// More than the node may have, and no more than the table allows: that has been said.
bool too_many_keys(const Reader& r, std::size_t fit, std::int64_t table_max) {
  const std::int64_t given = r.integer("keys_max");
  return r.has("keys_max") && given > static_cast<std::int64_t>(fit) && given <= table_max;
}

void check_swing(const Reader& r, Findings& findings) {
  // What is no number, or below 0, has been said.
  if (parse_double(r.text("swing")) == 0.0) {
    findings.error(r.value_place("swing"), "'swing' is above 0", "for example swing: 0.5");
  }
  for (const char* other : {"within", "percent"}) {
    if (!r.has(other)) continue;
    findings.error(
        r.key_place(other), "'" + std::string(other) + "' and 'swing' exclude each other",
        "keep one of them: with swing a straight line is near enough, without it a step");
  }
  if (!r.has("silence_max") || parse_duration(r.text("silence_max")) == Duration{}) {
    findings.error(r.has("silence_max") ? r.value_place("silence_max") : r.place(),
                   "a swinging door may hold a record back for ever",
                   "add silence_max: 10m, or how late a record may be");
  }
  if (too_many_keys(r, kSwingKeysMax, 65'536)) {
    findings.error(r.value_place("keys_max"),
                   "a swinging door has at most " + std::to_string(kSwingKeysMax) + " keys",
                   "each holds a record, and all may be written at once: say keys_max: " +
                       std::to_string(kSwingKeysMax));
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
  if (r.has("swing")) {
    if (!r.has("keys_max")) d.keys_max = kSwingKeysDefault;
    check_swing(r, findings);
  }
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

namespace {

void check_names(const Reader& r, const ChangeRate& c, Findings& findings) {
  const std::string_view longest = c.total ? "_total" : "_rate";
  const Node* of = r.node("of");
  for (std::size_t i = 0; i < c.of.size(); ++i) {
    const std::size_t bytes = c.of[i].size();
    if (bytes > limits::kNameBytesMax || bytes + longest.size() <= limits::kNameBytesMax) continue;
    const bool item = of != nullptr && i < of->items.size();
    findings.error(item ? of->items[i].place : r.value_place("of"),
                   "no field can be named like this and '" + std::string(longest) + "'",
                   "names have at most 512 bytes: rename the field first");
  }
}

}  // namespace

ChangeRate build_rate(const Reader& r, Findings& findings) {
  ChangeRate c;
  c.of = r.texts("of");
  c.per = r.duration("per");
  c.counter = r.boolean("counter");
  c.wraps_at = r.number("wraps_at");
  c.total = r.boolean("total");
  c.keys = r.texts("by");
  const std::size_t fit = kChangeRateKeysMax / std::max<std::size_t>(c.of.size(), 1);
  c.keys_max = r.has("keys_max") ? keys_of(r) : std::min(keys_of(r), fit);
  check_names(r, c, findings);
  // What is no number has been said.
  if (const auto wraps_at = parse_double(r.text("wraps_at")); wraps_at && !(*wraps_at > 0.0)) {
    findings.error(r.value_place("wraps_at"), "'wraps_at' is above 0",
                   "for example wraps_at: 4294967296, of a counter of 32 bits");
  }
  if (!c.counter && (c.total || r.has("wraps_at"))) {
    findings.error(r.key_place(c.total ? "total" : "wraps_at"),
                   c.total ? "only a counter has a total" : "only a counter wraps",
                   "add counter: true");
  }
  if (fit == 0 || too_many_keys(r, fit, kChangeRateKeysMax)) {
    findings.error(r.value_place(fit == 0 ? "of" : "keys_max"),
                   "so many keys of so many fields are too much to remember",
                   "keys times fields are " + std::to_string(kChangeRateKeysMax) + " at most: " +
                       (fit == 0 ? "name fewer fields" : "say keys_max: " + std::to_string(fit)));
  }
  return c;
}

namespace {

// "25", "2 %", "25 or 2 %". What is wrong with it; nothing: it was read.
const char* read_width(std::string_view text, FieldChanges::Field& field) {
  const std::size_t at = text.find(" or ");
  std::string_view parts[] = {trim(text.substr(0, at)), {}};
  if (at != std::string_view::npos) parts[1] = trim(text.substr(at + 4));
  bool given[2] = {};
  for (std::string_view part : std::span(parts, at == std::string_view::npos ? 1 : 2)) {
    const bool percent = part.ends_with('%');
    if (percent) part = trim(part.substr(0, part.size() - 1));
    const auto number = parse_double(part);
    if (!number || !std::isfinite(*number) || given[percent]) return "this is no width";
    if (*number < 0.0) return "a width is 0 or more";
    if (percent && *number > 100.0) return "a width has at most 100 percent";
    given[percent] = true;
    (percent ? field.percent : field.within) = *number;
  }
  return nullptr;
}

void read_widths(const Node& widths, FieldChanges& to, Findings& findings) {
  for (const Entry& pair : widths.entries) {
    if (!pair.value.is_scalar()) continue;  // Said.
    const std::string name = printable(pair.key, 40);
    if (pair.key.empty() || pair.key.size() > limits::kNameBytesMax) {
      findings.error(pair.place, "this is no name of a field", "names have 1 to 512 bytes");
      continue;
    }
    if (std::ranges::contains(to.keys, pair.key)) {
      findings.error(pair.place, "'" + name + "' is of the key, and never left out",
                     "take it out of 'within', or out of 'by'");
    }
    FieldChanges::Field field{.name = pair.key};
    if (const char* wrong = read_width(pair.value.text, field)) {
      findings.error(pair.value.place, wrong,
                     "write " + name + ": 0.5, " + name + ": 2 %, or " + name +
                         ": 0.5 or 2 %, of which the wider counts");
    }
    to.fields.push_back(std::move(field));
  }
}

}  // namespace

FieldChanges build_changes(const Reader& r, Findings& findings) {
  FieldChanges c;
  c.silence_max = r.duration("silence_max");
  c.keys = r.texts("by");
  if (const Node* widths = r.node("within")) read_widths(*widths, c, findings);
  const std::size_t fit = changes_keys_max(std::max<std::size_t>(c.fields.size(), 1));
  c.keys_max = r.has("keys_max") ? keys_of(r) : std::min(keys_of(r), fit);
  if (fit == 0 || too_many_keys(r, fit, kChangesKeysMax)) {
    findings.error(r.value_place(fit == 0 ? "within" : "keys_max"),
                   "so many keys of so many fields are too much to remember",
                   fit == 0 ? "name fewer fields"
                            : "say keys_max: " + std::to_string(fit) + ", or name fewer fields");
  }
  return c;
}

}  // namespace pinaflux::config
