// What the masker would refuse at start is refused here, with its line; and what it would accept and the
// operator cannot have meant: an operator's parameter without the operator is refused by the table, a second
// allow-list that can never decide is warned of.
#include <algorithm>
#include <cmath>

#include "agent/config/build.h"
#include "agent/config/redact.h"
#include "agent/config/secret.h"
#include "agent/config/units.h"
#include "agent/mask/coarse_time.h"
#include "agent/mask/pattern.h"
#include "platform/base/regex.h"
#include "platform/base/text.h"

namespace pinaflux::config {

namespace {

using Operator = MaskRule::Operator;

// In the order of the table's choices.
constexpr Operator kOperators[] = {
    Operator::drop,    Operator::hmac,   Operator::truncate, Operator::round,
    Operator::replace, Operator::reject, Operator::bucket,   Operator::coarsen,
    Operator::noise,   Operator::ff1,    Operator::grid,     Operator::home_zone,
};

Operator operator_of(std::string_view text) {
  const auto names = split(find_key("mask.*.with")->choices, '|');
  const auto at = std::ranges::find(names, text);
  return at == names.end() ? Operator::drop : kOperators[at - names.begin()];
}

Duration tick_of(std::string_view unit) {
  if (unit == "s") return Duration::seconds(1);
  if (unit == "us") return Duration::microseconds(1);
  return unit == "ns" ? Duration::nanoseconds(1) : Duration::milliseconds(1);
}

DetectorSet detectors_of(const std::vector<std::string>& names) {
  DetectorSet set = 0;
  const auto all = split(kDetectorNames, '|');
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (std::ranges::contains(names, all[i])) set |= DetectorSet{1} << i;
  }
  return set;
}

bool rule_on_position(Operator with) {
  return with == Operator::grid || with == Operator::home_zone;
}

constexpr DetectorSet kDigitForms = only(Detector::card) | only(Detector::phone);

bool is_key_id(std::string_view id) {
  return valid_name(id) && id.find('.') == std::string_view::npos;
}

class Rules {
 public:
  Rules(const Reader& root, Building& building)
      : root_(root), building_(building), findings_(building.findings) {}

  void add(const Reader& r) {
    MaskRule rule;
    rule.stream = r.text("stream");
    rule.field = r.text("field");
    rule.allow = r.texts("allow");
    rule.value = detectors_of(r.texts("value"));
    rule.match = r.text("match");
    rule.with = operator_of(r.text(r.has("allow") ? "others" : "with"));
    rule.key_id = r.text("key");
    rule.length = static_cast<std::size_t>(std::max<std::int64_t>(r.integer("length"), 0));
    rule.step = r.number("step");
    rule.replacement = r.text("text");
    rule.on_stream_name = r.text("name") == "stream" || r.has("topic");
    rule.on_field_name = r.text("name") == "field";
    if (r.has("topic")) rule.stream = "*/" + r.text("topic");
    rule.width = r.number("width");
    rule.to = r.duration("to");
    rule.tick = tick_of(r.text("unit"));
    rule.time = r.duration("time");
    rule.latitude = r.text("lat");
    rule.longitude = r.text("lon");
    rule.cell = r.number("cell");
    rule.radius = r.number("radius");
    rule.null_inside = r.text("inside") == "nulls";
    selection(r);
    operation(r, rule);
    numbers(r, rule);
    expression(r, rule);
    times(r);
    position(r, rule);
    patterns(r);
    if (!rule.allow.empty()) allow_list(r, rule);
    building_.to.mask.rules.push_back(std::move(rule));
  }

 private:
  static bool by_value(const Reader& r) { return r.has("value") || r.has("match"); }

  void exclude(const Reader& r, std::string_view name,
               std::initializer_list<std::string_view> others, std::string fix) {
    for (const auto other : others) {
      if (!r.has(name) || !r.has(other)) continue;
      findings_.error(
          r.key_place(other),
          "'" + std::string(name) + "' and '" + std::string(other) + "' exclude each other", fix);
    }
  }

  void selection(const Reader& r) {
    exclude(r, "topic", {"stream", "field", "allow", "name", "value", "match"},
            "a rule on topics has 'topic' and 'with' alone");
    exclude(r, "allow", {"field"}, "an allow-list names the fields that stay; use two rules");
    exclude(r, "value", {"match"}, "use two rules");
    exclude(r, "allow", {"value", "match"}, "an allow-list goes by names; use two rules");
    exclude(r, "allow", {"with", "name"},
            "an allow-list says with 'others' what happens to the rest");
    if (r.has("others") && !r.has("allow")) {
      findings_.error(r.key_place("others"), "'others' needs an allow-list",
                      "add allow: [FIELD, ...], or use 'with'");
    }
    exclude(r, "lat", {"field", "allow", "name", "value", "match", "topic"},
            "grid and home_zone work on the two fields that 'lat' and 'lon' name");
    exclude(r, "time", {"field", "allow", "name", "value", "match", "topic", "with"},
            "a rule on the record's own time has 'time' and 'stream' alone");
    if (r.has("time")) return;
    const bool stream_name = r.text("name") == "stream";
    if (stream_name && r.has("field")) {
      findings_.error(r.key_place("field"), "a rule on the stream's name selects no fields",
                      "remove 'field', or write name: field");
    }
    const bool position = rule_on_position(operator_of(r.text("with")));
    if (!stream_name && !position && !r.has("topic") && !r.has("field") && !r.has("allow") &&
        !by_value(r)) {
      findings_.error(
          r.place(), "the rule does not say what it masks",
          "add field: PATTERN, value: [email, ...], allow: [FIELD, ...], topic: PATTERN or "
          "name: stream");
    }
    if (!r.has("with") && !r.has("allow")) {
      findings_.error(r.place(), "'with' is missing",
                      "it takes " + spoken_choices(find_key("mask.*.with")->choices));
    }
  }

  void operation(const Reader& r, const MaskRule& rule) {
    const bool names = rule.on_stream_name || rule.on_field_name;
    const std::string with = r.text("with");
    const bool drops_found = r.text("name") == "field" && by_value(r);
    const std::string_view of_names =
        drops_found ? "drop|hmac|truncate|replace|reject" : "hmac|truncate|replace|reject";
    constexpr std::string_view kOfFound = "drop|hmac|truncate|replace|reject|ff1";
    if (names && !with.empty() && !is_one_of(with, of_names)) {
      findings_.error(r.value_place("with"), "a name cannot be masked with " + with,
                      "names take " + spoken_choices(of_names));
    } else if (by_value(r) && !with.empty() && !is_one_of(with, kOfFound)) {
      findings_.error(r.value_place("with"),
                      "what is found in a text cannot be masked with " + with,
                      std::string(r.has("value") ? "'value' takes " : "'match' takes ") +
                          spoken_choices(kOfFound));
    } else if (rule.with == Operator::ff1 && (rule.value & ~kDigitForms) != 0) {
      findings_.error(r.value_place("value"), "ff1 needs six digits or more in what is found",
                      "with it 'value' takes card or phone");
    }
    if (rule.with == Operator::round && r.has("step") && rule.step == 0.0) {
      findings_.error(r.value_place("step"), "'step' is 0",
                      "numbers become multiples of it: write 0.1 or 5");
    }
    if (r.has("key")) check_key(root_, r, "key", findings_);
  }

  void expression(const Reader& r, const MaskRule& rule) {
    const Node* const node = r.node("match");
    if (rule.match.empty() || node == nullptr) return;
    const Regex regex(rule.match);
    if (regex.fault().what != nullptr) {
      refuse_regex(*node, "match", regex.fault(), "mask.match", findings_);
    } else if (rule.on_stream_name && regex.needs('/')) {
      findings_.error(
          place_in(*node, std::min(rule.match.find('/'), rule.match.size() - 1)),
          "the rule matches nothing: no step of a stream's name holds a '/'",
          "each step is looked at by itself: write the expression of one; stream: PATTERN says in "
          "which streams");
    }
  }

  void numbers(const Reader& r, MaskRule& rule) {
    exclude(r, "width", {"edges"}, "buckets are all of one width, or have edges");
    if (rule.with == Operator::bucket && !r.has("width") && !r.has("edges")) {
      findings_.error(r.place(), "the buckets have no edges",
                      "add width: 10, or edges: [0, 18, 65]");
    }
    if (r.has("width") && rule.width == 0.0) {
      findings_.error(r.value_place("width"), "'width' is 0", "write 0.5 or 10");
    }
    const auto edges = r.texts("edges");
    for (const std::string& text : edges) {
      const auto edge = parse_double(text);
      if (!edge || (!rule.edges.empty() && *edge <= rule.edges.back())) {
        findings_.error(r.value_place("edges"),
                        edge ? "the edges do not rise" : "an edge is not a number",
                        "write them from the lowest on: [0, 18, 65]");
        return;
      }
      rule.edges.push_back(*edge);
    }
  }

  void times(const Reader& r) {
    for (const char* name : {"to", "time"}) {
      const Duration step = r.duration(name);
      if (!r.has(name) || step < Duration::seconds(1) || is_time_step(step)) continue;
      findings_.error(r.value_place(name), "a day is not made of steps of " + format_duration(step),
                      "write 1s, 1m, 15m, 1h or another even part of a day");
    }
  }

  void position(const Reader& r, MaskRule& rule) {
    if (!rule.latitude.empty() && rule.latitude == rule.longitude) {
      findings_.error(r.value_place("lon"), "one field cannot be latitude and longitude",
                      "name the field of each");
    }
    if (rule.with != Operator::home_zone) return;
    std::string secret = read_secret(building_.files, r, "centre", findings_);
    const auto centre = parse_geo_position(secret);
    if (centre) {
      rule.centre = *centre;
    } else if (!secret.empty()) {
      findings_.error(
          r.value_place("centre"), "what 'centre' refers to is no position",
          "it holds LATITUDE, LONGITUDE in degrees, with decimal points and a comma between");
    }
    wipe({reinterpret_cast<std::uint8_t*>(secret.data()), secret.size()});
  }

  void patterns(const Reader& r) {
    stream_pattern(r, "stream");
    stream_pattern(r, "topic");
    const auto check = [&](const Node& node) {
      if (node.text.find('/') == std::string::npos || !node.is_scalar()) return;
      findings_.warning(node.place, "the steps of a field's name are separated by dots",
                        "this matches only fields with '/' in their names");
    };
    for (const auto name : {"field", "allow"}) {
      const Node* node = r.node(name);
      if (node == nullptr) continue;
      check(*node);
      for (const Node& item : node->items) check(item);
    }
  }

  void stream_pattern(const Reader& r, std::string_view name) {
    if (!r.has(name)) return;
    const std::string pattern = r.text(name);
    const auto steps = split(pattern, '/');
    if (std::ranges::any_of(steps, [](auto s) { return s == "+" || s == "#"; })) {
      findings_.error(r.value_place(name), "this is a pattern of names, not a topic filter",
                      "write * for one step and ** for any number of steps");
    } else if (name == "stream") {
      first_step(r, steps.front());
    }
  }

  // The first step is a source's name, unless that source or a node gives its streams other names.
  void first_step(const Reader& r, std::string_view step) {
    if (step.find('*') != std::string_view::npos) return;
    std::vector<std::string_view> names;
    for (const auto& source : building_.to.sources) {
      if (!common(source).stream.empty()) return;
      names.push_back(source_name(source));
    }
    if (names.empty() || std::ranges::find(names, step) != names.end()) return;
    const auto meant = closest(step, names);
    findings_.warning(r.value_place("stream"),
                      "the rule matches nothing: no source is named '" + printable(step, 40) + "'",
                      meant ? "did you mean '" + std::string(*meant) + "'?"
                            : "streams begin with the name of their source");
  }

  void allow_list(const Reader& r, const MaskRule& rule) {
    for (const auto& [stream, place] : allow_lists_) {
      if (stream != rule.stream && stream != "**") continue;
      findings_.warning(
          r.key_place("allow"), "this allow-list never decides",
          "the one at " + place.spoken() + " comes first and matches the same streams");
      return;
    }
    allow_lists_.emplace_back(rule.stream, r.key_place("allow"));
  }

  const Reader& root_;
  Building& building_;
  Findings& findings_;
  std::vector<std::pair<std::string, Place>> allow_lists_;
};

}  // namespace

namespace {

void check_key_id(const Reader& root, const std::string& id, const Place& place,
                  Findings& findings) {
  const auto keys = root.names("keys");
  if (id.empty() || std::ranges::any_of(keys, [&](const Named& key) { return key.name == id; })) {
    return;
  }
  if (looks_like_key(id)) {
    findings.error(place, "a key is named here, not written",
                   "write it into a file, and give that a name: keys: {NAME: {file: PATH}}");
    return;
  }
  std::vector<std::string_view> candidates;
  for (const auto& key : keys) candidates.push_back(key.name);
  const auto meant = closest(id, candidates);
  findings.error(place, "there is no key '" + printable(id, 40) + "'",
                 meant ? "did you mean '" + std::string(*meant) + "'?"
                       : "add it: keys: {" + printable(id, 40) + ": {file: PATH}}");
}

bool proves(const Reader& uplink, const std::string& key) {
  return uplink.text("mac") == key || uplink.text("sign") == key ||
         std::ranges::contains(uplink.texts("acks_by"), key);
}

}  // namespace

void check_key(const Reader& root, const Reader& r, std::string_view name, Findings& findings) {
  const Node* given = r.node(name);
  if (given == nullptr || !given->is_list())
    return check_key_id(root, r.text(name), r.value_place(name), findings);
  for (const Node& item : given->items) check_key_id(root, item.text, item.place, findings);
}

void build_keys(const Reader& root, Building& building) {
  const auto rules = root.names("mask"), uplinks = root.names("uplinks");
  const Reader spool = root.section("spool");
  for (const auto& [name, r] : root.names("keys")) {
    building.to.keys.push_back({name, r.text("file"), r.text("credential")});
    if (!is_key_id(name)) {
      building.findings.error(
          r.place(), "'" + printable(name, 40) + "' cannot name a key",
          "a key's name has 1 to 64 letters, digits, '-' or '_': it is part of the tokens");
    }
    const bool used =
        spool.text("key") == name || spool.text("key_previous") == name ||
        proves(root.section("uplink"), name) ||
        std::ranges::any_of(uplinks, [&](const Named& u) { return proves(u.reader, name); }) ||
        std::ranges::any_of(rules,
                            [&](const Named& rule) { return rule.reader.text("key") == name; });
    if (!used) {
      building.findings.warning(
          r.place(), "nothing uses the key '" + printable(name, 40) + "'",
          "remove it, or add a rule with: hmac, spool.key, uplink.mac, uplink.sign or "
          "uplink.acks_by");
    }
  }
}

void build_mask(const Reader& root, Building& building) {
  Rules rules(root, building);
  for (const auto& rule : root.names("mask")) rules.add(rule.reader);
  building.to.mask.loosen = root.text("mask_loosen");
}

}  // namespace pinaflux::config
