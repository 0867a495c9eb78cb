#include "agent/mask/loosening.h"

#include <algorithm>
#include <bit>

#include "platform/base/bytes.h"
#include "platform/base/text.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace {

void put(Writer& to, double d) { to.u64(std::bit_cast<std::uint64_t>(d)); }

// All of a rule but a home zone's centre: from its hash that could be guessed. In its place stands which of the
// running mask's centres it is.
void put(Writer& to, const MaskRule& rule) {
  for (const std::string* text : {&rule.stream, &rule.field, &rule.match, &rule.key_id,
                                  &rule.replacement, &rule.latitude, &rule.longitude}) {
    to.text(*text);
  }
  to.varint(rule.allow.size());
  for (const std::string& name : rule.allow) to.text(name);
  to.varint(rule.edges.size());
  for (const double edge : rule.edges) put(to, edge);
  for (const double d : {rule.step, rule.width, rule.cell, rule.radius}) put(to, d);
  to.varint(static_cast<std::uint64_t>(rule.with));
  to.varint(rule.value);
  to.varint(rule.length);
  for (const Duration d : {rule.to, rule.tick, rule.time}) to.signed_varint(d.ns);
  for (const bool b : {rule.on_stream_name, rule.on_field_name, rule.null_inside}) to.u8(b);
}

// The rule of the running mask that has this centre first; their count if none has.
std::size_t place_of(GeoPosition centre, const MaskOptions& running) {
  const auto has_it = [&](const MaskRule& rule) {
    return rule.with == MaskRule::Operator::home_zone && rule.centre == centre;
  };
  return static_cast<std::size_t>(std::ranges::find_if(running.rules, has_it) -
                                  running.rules.begin());
}

bool brings_a_centre(const MaskOptions& running, const MaskOptions& next) {
  return std::ranges::any_of(next.rules, [&](const MaskRule& rule) {
    return rule.with == MaskRule::Operator::home_zone &&
           place_of(rule.centre, running) == running.rules.size();
  });
}

// Of what a rule does with a field: the record goes, the field goes, something of it stays.
int severity(MaskRule::Operator with) {
  if (with == MaskRule::Operator::reject) return 2;
  return with == MaskRule::Operator::drop ? 1 : 0;
}

bool of_values(const MaskRule& rule) {
  return rule.allow.empty() && rule.with != MaskRule::Operator::keep && rule.latitude.empty() &&
         rule.time.ns == 0 && !rule.on_stream_name && !rule.on_field_name;
}

// What `is` lets through `was` does, too.
bool no_looser(const MaskRule& was, const MaskRule& is) {
  if (of_values(was) && of_values(is) && severity(is.with) > severity(was.with)) {
    return is.stream == was.stream && is.field == was.field && is.value == was.value &&
           is.match == was.match;
  }
  MaskRule as = is;
  if (is.length < was.length) as.length = was.length;
  if (is.radius > was.radius) as.radius = was.radius;
  const bool fewer = !is.allow.empty() && std::ranges::all_of(is.allow, [&](const auto& name) {
    return std::ranges::contains(was.allow, name);
  });
  if (fewer) as.allow = was.allow;
  return as == was;
}

std::string confirmation(const MaskOptions& running, const MaskOptions& next) {
  Buffer bytes;
  Writer to(bytes);
  for (const MaskOptions* mask : {&running, &next}) {
    to.varint(mask->rules.size());
    for (const MaskRule& rule : mask->rules) {
      put(to, rule);
      if (rule.with == MaskRule::Operator::home_zone) to.varint(place_of(rule.centre, running));
    }
  }
  const crypto::Digest digest = crypto::sha256(bytes);
  std::string hex;
  for (const std::uint8_t byte : Bytes(digest).first(8)) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

}  // namespace

std::string unconfirmed_loosening(const MaskOptions& running, const MaskOptions& next) {
  const auto end = std::ranges::mismatch(running.rules, next.rules, no_looser).in1;
  if (end == running.rules.end()) return {};
  const std::string said =
      joined({"the mask may let more through than the running one: rule ",
              std::to_string(end - running.rules.begin() + 1),
              " of that is missing, changed or at another place; if that is meant, "});
  if (brings_a_centre(running, next))
    return said + "restart the agent: a home zone has another centre, which no word can confirm";
  const std::string wanted = confirmation(running, next);
  if (next.loosen == wanted) return {};
  return joined({said, "write mask_loosen: \"", wanted, "\""});
}

}  // namespace pinaflux
