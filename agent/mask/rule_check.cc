#include "agent/mask/rule_check.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "agent/mask/coarse_time.h"
#include "agent/mask/pattern.h"
#include "platform/base/regex.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

using Operator = MaskRule::Operator;

bool by_value(const MaskRule& rule) { return rule.value != 0 || !rule.match.empty(); }

bool in_key_id(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

bool is_key_id(std::string_view id) {
  return !id.empty() && id.size() <= kKeyIdBytesMax && std::ranges::all_of(id, in_key_id);
}

bool has_mqtt_wildcard(std::string_view pattern) {
  return std::ranges::any_of(split(pattern, '/'), [](auto s) { return s == "+" || s == "#"; });
}

bool is_rising(const std::vector<double>& edges) {
  return std::ranges::all_of(edges, [](double d) { return std::isfinite(d); }) &&
         std::ranges::adjacent_find(edges, std::greater_equal<>()) == edges.end();
}

bool is_above_zero(double d) { return d > 0.0 && std::isfinite(d); }

Status check_parameters(const MaskRule& rule) {
  switch (rule.with) {
    case Operator::hmac:
    case Operator::noise:
    case Operator::ff1:
      if (!is_key_id(rule.key_id)) {
        return fail(Code::invalid, "a key's name has 1 to 64 letters, digits, '-' or '_'");
      }
      if (rule.with != Operator::noise || is_above_zero(rule.width)) return {};
      return fail(Code::invalid, "a mask rule's noise has a width above 0");
    case Operator::round:
      if (is_above_zero(rule.step)) return {};
      return fail(Code::invalid, "a mask rule rounds to a step above 0");
    case Operator::replace:
      if (rule.replacement.size() <= kReplacementBytesMax) return {};
      return fail(Code::invalid, "a mask rule's replacement has at most 256 bytes");
    case Operator::bucket:
      if (rule.edges.empty() ? is_above_zero(rule.width) : is_rising(rule.edges)) return {};
      return fail(Code::invalid, "a mask rule's buckets have a width above 0, or edges that rise");
    case Operator::coarsen:
      if (is_time_step(rule.to)) return {};
      return fail(Code::invalid, "a mask rule's times go to whole seconds that a day is made of");
    case Operator::grid:
      if (rule.cell >= kCellMin && std::isfinite(rule.cell)) return {};
      return fail(Code::invalid, "a mask rule's cells have 1 metre or more");
    case Operator::home_zone:
      if (rule.centre.valid() && is_above_zero(rule.radius)) return {};
      return fail(Code::invalid, "a home zone has a centre and a radius above 0");
    default: return {};
  }
}

bool works_on_found(Operator with) {
  return with == Operator::drop || with == Operator::hmac || with == Operator::truncate ||
         with == Operator::replace || with == Operator::reject || with == Operator::ff1;
}

bool works_on_names(Operator with) {
  return with == Operator::hmac || with == Operator::truncate || with == Operator::replace ||
         with == Operator::reject;
}

Status check_operator(const MaskRule& rule) {
  if (auto s = check_parameters(rule); !s) return s;
  if (by_value(rule) && !works_on_found(rule.with)) {
    return fail(Code::invalid,
                "what is found by value can be dropped, hashed, cut, replaced or rejected");
  }
  if (!rule.on_stream_name && !rule.on_field_name) return {};
  const bool drops_found = by_value(rule) && !rule.on_stream_name && rule.with == Operator::drop;
  if (!drops_found && !works_on_names(rule.with)) {
    return fail(Code::invalid, "a name can be hashed, truncated, replaced or rejected");
  }
  return {};
}

bool selects_by_name(const MaskRule& rule) {
  return !rule.field.empty() || !rule.allow.empty() || rule.on_stream_name || rule.on_field_name ||
         by_value(rule);
}

Status check_patterns(const MaskRule& rule) {
  if (!Pattern(rule.stream, '/').valid() || has_mqtt_wildcard(rule.stream)) {
    return fail(Code::invalid, "a stream pattern is a name with * for one step and ** for any");
  }
  const bool position = rule.with == Operator::grid || rule.with == Operator::home_zone;
  if (position || rule.time.ns != 0) {
    if (selects_by_name(rule) || (position && rule.time.ns != 0)) {
      return fail(Code::invalid, "a rule on positions or on the record's time selects no fields");
    }
    if (position
            ? rule.latitude.empty() || rule.longitude.empty() || rule.latitude == rule.longitude
            : !is_time_step(rule.time)) {
      return fail(
          Code::invalid,
          "a rule on positions names two fields, one on time whole seconds that a day is made of");
    }
    return {};
  }
  if (rule.on_stream_name && !rule.on_field_name) {
    if (rule.field.empty() && rule.allow.empty()) return {};
    return fail(Code::invalid, "a rule on the stream's name selects no fields");
  }
  if (by_value(rule) && !rule.allow.empty()) {
    return fail(Code::invalid, "an allow-list goes by names, not by value");
  }
  if (!by_value(rule) && rule.field.empty() == rule.allow.empty()) {
    return fail(Code::invalid, "a mask rule names a field or an allow-list, one of the two");
  }
  if (!rule.field.empty() && !Pattern(rule.field, '.').valid()) {
    return fail(Code::invalid, "a mask rule's field pattern is too long");
  }
  if (!std::ranges::all_of(rule.allow, [](auto& a) { return Pattern(a, '.').valid(); })) {
    return fail(Code::invalid, "an allow-list's pattern is empty or too long");
  }
  return {};
}

}  // namespace

Status check_rule(const MaskRule& rule) {
  if (auto s = check_operator(rule); !s) return s;
  if (rule.value != 0 && !rule.match.empty()) {
    return fail(Code::invalid, "a mask rule goes by forms or by an expression, one of the two");
  }
  if (rule.match.empty()) return check_patterns(rule);
  const Regex regex(rule.match);
  if (regex.fault().what != nullptr)
    return fail(Code::invalid, "a mask rule's expression is no regular expression of ours");
  if (rule.on_stream_name && regex.needs('/'))
    return fail(Code::invalid, "a stream's name is matched step by step: no step holds a '/'");
  return check_patterns(rule);
}

}  // namespace pinaflux
