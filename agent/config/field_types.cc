// Asked backwards: of a field that a node takes, through the nodes before it, under the name that it has there. So nothing is kept
// for the fields that nobody asks for, and a pipeline of a thousand nodes behind a schema of thousands of fields costs no memory.
//
// Each node answers with the types that its field may have: what comes by several ways may be any of theirs.
#include "agent/config/field_types.h"

#include <algorithm>

#include "agent/pipeline/exact_value.h"
#include "agent/pipeline/statistics.h"

namespace pinaflux::config {

namespace {

FieldFact joined_facts(const FieldFact& a, const FieldFact& b) {
  const auto types = static_cast<TypeSet>(a.types | b.types);
  if (types == kAnyType) return {};
  return {types, a.types != 0 || b.since == nullptr ? a.since : b.since};
}

// What follows `before` in `text`, if that is how it begins.
bool begins_with(std::string_view text, std::string_view before, std::string_view& rest) {
  if (!text.starts_with(before)) return false;
  rest = text.substr(before.size());
  return true;
}

bool is_named(std::string_view field, std::string_view of, std::string_view what) {
  std::string_view rest;
  return begins_with(field, of, rest) && rest == what;
}

// "temp_text": where `evolve` puts what a field cannot hold.
bool is_moved_name(std::string_view field) {
  const std::size_t at = field.rfind('_');
  return at != std::string_view::npos && field_type_named(field.substr(at + 1)).has_value();
}

TypeSet types_of(const Statistic& statistic, TypeSet values) {
  using Kind = Statistic::Kind;
  if (statistic.kind == Kind::distinct) return kIntegers;
  values &= kNumbers | kBooleans;  // Others are passed over.
  if (values == 0) return 0;
  switch (statistic.kind) {
    case Kind::first:
    case Kind::last: return values;
    case Kind::min:
    case Kind::max:
    case Kind::sum: return kNumbers;
    default: return kReals;
  }
}

std::string_view last_step_of(std::string_view stream) {
  return stream.substr(stream.rfind('/') + 1);
}

}  // namespace

// Of what a node gives.
struct FieldTypes::After {
  FieldTypes& types;
  const NodeOptions& node;
  std::string_view field;

  FieldFact before() const { return types.before(node, field); }
  FieldFact settled(TypeSet set) const { return {set, &node}; }
  FieldFact gone() const { return {0, &node}; }

  // These pass fields as they are.
  FieldFact operator()(const PassThrough&) const { return before(); }
  FieldFact operator()(const FieldFilter&) const { return before(); }
  FieldFact operator()(const Condition&) const { return before(); }
  FieldFact operator()(const Deadband&) const { return before(); }
  FieldFact operator()(const FieldChanges&) const { return before(); }
  FieldFact operator()(const Dedupe&) const { return before(); }
  FieldFact operator()(const Sample&) const { return before(); }
  FieldFact operator()(const RateLimit&) const { return before(); }
  // Of these nothing is known.
  FieldFact operator()(const Script&) const { return {}; }
  FieldFact operator()(const Execd&) const { return {}; }

  FieldFact operator()(const Select& select) const {
    return std::ranges::contains(select.fields, field) == select.drop ? gone() : before();
  }

  FieldFact operator()(const Rename& rename) const {
    const bool away = std::ranges::contains(rename.fields, field, [](auto& p) { return p.first; });
    FieldFact fact = away ? gone() : before();
    for (const auto& [from, to] : rename.fields) {
      if (to == field) fact = joined_facts(fact, types.before(node, from));
    }
    return fact;
  }

  FieldFact operator()(const Derive& derive) const {
    const bool made = std::ranges::contains(derive.fields, field, [](auto& p) { return p.first; });
    return made ? FieldFact() : before();
  }

  FieldFact operator()(const Lookup& lookup) const {
    std::string_view column;
    const bool made =
        begins_with(field, lookup.prefix, column) && std::ranges::contains(lookup.give, column);
    return made ? FieldFact() : before();
  }

  FieldFact operator()(const SchemaCheck& schema) const {
    using Drift = SchemaCheck::Drift;
    const auto at = std::ranges::find(schema.fields, field, &SchemaCheck::Field::name);
    if (at != schema.fields.end()) return settled(type_set(at->type));
    FieldFact fact = before();
    const bool evolves = schema.drift == Drift::evolve;
    if (evolves && is_moved_name(field)) return {};
    if (fact.types == 0) return fact;
    // Learned long ago, perhaps, as another type.
    if (evolves || schema.drift == Drift::coerce) return {};
    if ((fact.types & kIntegers) != 0) fact.types |= kReals;
    return fact;
  }

  FieldFact operator()(const Convert& convert) const {
    const FieldFact fact = before();
    const bool named = std::ranges::contains(convert.fields, field, &Convert::Field::name);
    return named && fact.types != 0 ? settled(kReals) : fact;
  }

  FieldFact operator()(const TypeCast& cast) const {
    const FieldFact fact = before();
    const auto at = std::ranges::find(cast.fields, field, &TypeCast::Field::name);
    if (at == cast.fields.end() || fact.types == 0) return fact;
    const FieldFact made = settled(type_set(at->to));
    return at->otherwise == TypeCast::Otherwise::keep ? joined_facts(made, fact) : made;
  }

  FieldFact operator()(const Parse& parse) const {
    FieldFact fact = before();
    if (field == parse.of && !parse.pass && fact.types != 0) {
      fact = parse.keep ? settled(kTexts) : gone();  // What is no text is refused.
    }
    std::string_view name;
    const bool listed = parse.as == Parse::As::delimited;
    const bool made = begins_with(field, parse.prefix, name) &&
                      (!listed || std::ranges::contains(parse.names, name));
    if (!made) return fact;
    if (parse.as == Parse::As::json) return {};
    return joined_facts(fact, settled(parse.all_text ? kTexts : kTexts | kNumbers));
  }

  FieldFact operator()(const SplitArray& split) const {
    std::string_view rest;
    const std::string_view as = split.as.empty() ? split.of : split.as;
    if (begins_with(field, as, rest) && (rest.empty() || rest.starts_with('.'))) return {};
    const FieldFact fact = before();
    return field == split.of && !split.pass && fact.types != 0 ? gone() : fact;
  }

  FieldFact operator()(const ChangeRate& rate) const {
    for (const std::string& of : rate.of) {
      if (is_named(field, of, "_rate")) return settled(kReals);
      if (rate.total && is_named(field, of, "_total")) return settled(kNumbers);
    }
    return before();
  }

  FieldFact operator()(const Anomaly& anomaly) const {
    for (const std::string& of : anomaly.of) {
      if (is_named(field, of, "_score")) return settled(kReals);
      if (is_named(field, of, "_anomaly")) return settled(kBooleans);
    }
    return before();
  }

  FieldFact operator()(const Alert& alert) const {
    if (field == "alert_state") return settled(kTexts);
    if (field == "alert_since") return settled(kIntegers);
    if (field == "alert_stream" && !alert.stream.empty()) return settled(kTexts);
    return before();
  }

  // Records of other streams pass as they are.
  FieldFact operator()(const Merge& merge) const {
    FieldFact fact = before();
    for (const std::string& stream : merge.streams) {
      const std::string_view last = last_step_of(stream);
      std::string_view rest;
      if (!begins_with(field, last, rest) || !rest.starts_with('.')) continue;
      fact = joined_facts(fact, types.before(node, rest.substr(1)));
    }
    return fact;
  }

  FieldFact operator()(const TimeWindow& window) const {
    if (std::ranges::contains(window.keys, field)) {
      FieldFact fact = before();
      if ((fact.types & kNumbers) != 0) fact.types |= kNumbers;  // 5 and 5.0 are one key.
      return fact;
    }
    const bool counts = field == "count" && std::ranges::contains(window.give, field);
    const bool revises = field == "revision" && window.amend_for.ns > 0;
    if (counts || revises) return settled(kIntegers);
    for (const std::string& of : window.of) {
      std::string_view rest;
      if (!begins_with(field, of, rest) || !rest.starts_with('_')) continue;
      const auto statistic = Statistic::parse(rest.substr(1));
      if (!statistic || statistic->kind == Statistic::Kind::count) continue;
      if (!std::ranges::contains(window.give, rest.substr(1))) continue;
      return settled(types_of(*statistic, types.before(node, of).types));
    }
    return gone();
  }
};

FieldTypes::FieldTypes(const PipelineOptions& options) : options_(&options) {
  for (const NodeOptions& node : options.nodes) nodes_.emplace(node.name, &node);
}

FieldFact FieldTypes::before(const NodeOptions& node, std::string_view field) {
  if (depth_ == 0) known_.clear();
  const auto known = known_.find({&node, field});
  if (known != known_.end()) return known->second;
  ++depth_;
  FieldFact fact{.types = 0};
  for (const std::string& from : node.from) fact = joined_facts(fact, at(from, field));
  --depth_;
  if (node.from.empty()) fact = {};
  return known_[{&node, field}] = fact;
}

// A source brings whatever it brings; side ports give what has come to their node.
FieldFact FieldTypes::at(std::string_view port, std::string_view field) {
  if (const auto it = nodes_.find(port); it != nodes_.end()) {
    return std::visit(After{*this, *it->second, field}, it->second->kind);
  }
  if (std::ranges::contains(options_->sources, port)) return {};
  const auto it = nodes_.find(port.substr(0, port.rfind('.')));
  return it == nodes_.end() ? FieldFact() : before(*it->second, field);
}

}  // namespace pinaflux::config
