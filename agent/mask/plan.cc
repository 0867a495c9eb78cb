// The rules are played through once on the names alone, in their order, each on what the earlier ones left:
//
//   raw       ward/7/bed  [patient, pulse, note]
//   rules     stream "ward/*/**": hmac the stream's name; field patient: hmac; field note: drop
//   plan      ward/k:x1../k:y2..  [patient <- 0 hmac, pulse <- 1]
//
// A rule that rejects notes the position instead, and is asked for each record: a field that a shape has
// may be absent from a record.

#include "agent/mask/plan.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "platform/base/text.h"

namespace pinaflux {

namespace {

struct Draft {
  struct Field {
    std::uint32_t source;
    std::string name;
    std::vector<const Rule*> work;
    std::int32_t place = -1;
  };

  std::string stream;
  std::vector<Field> fields;
  bool allow_list_decided = false;
  Plan plan;
};

std::string mask_name(const Rule& rule, std::string_view name, char separator,
                      const Pattern::StepSet& steps, Masker::Origin origin) {
  std::string masked;
  MaskScratch scratch;
  if (rule.by_value()) scratch.make_room();
  std::size_t at = 0;
  Split rest(name, separator);
  for (std::string_view step; rest.next(step); ++at) {
    if (at > 0) masked += separator;
    const bool done = origin == Masker::Origin::letter && rule.made(Value::text(step));
    masked += steps.test(at) && !done ? rule.apply_to_name(step, origin, scratch) : step;
  }
  return masked;
}

// By value a pattern says where to look, not which steps are secret.
std::string mask_found_in(const Rule& rule, std::string_view name, Masker::Origin origin) {
  MaskScratch scratch;
  scratch.make_room();
  return std::string(rule.apply_to_name(name, origin, scratch));
}

bool is_found_in_steps(const Rule& rule, std::string_view stream) {
  Split rest(stream, '/');
  std::string_view step;
  rest.next(step);  // The source's name.
  while (rest.next(step)) {
    if (rule.finds_in(step)) return true;
  }
  return false;
}

void apply_to_stream_name(const Rule& rule, Draft& draft) {
  if (rule.by_value() && !is_found_in_steps(rule, draft.stream)) return;
  if (rule.with() == Rule::Operator::reject) {
    draft.plan.refused = Reason::unknown_field;
    return;
  }
  Pattern::StepSet steps = rule.stream_steps(draft.stream);
  if (rule.by_value()) steps.set().reset(0);
  draft.stream = mask_name(rule, draft.stream, '/', steps, draft.plan.origin);
}

bool selects(const Rule& rule, const std::string& name, Pattern::StepSet& wild) {
  if (!rule.selects_field(name, wild)) return false;
  return !rule.by_value() || !rule.on_field_name() || rule.finds_in(name);
}

void apply_to_field(const Rule& rule, const Pattern::StepSet& wild, Draft& draft,
                    Draft::Field& field) {
  if (rule.by_value() && !rule.on_field_name()) {
    field.work.push_back(&rule);
  } else if (rule.with() == Rule::Operator::reject) {
    draft.plan.rejected.push_back(field.source);
  } else if (rule.by_value()) {
    field.name = mask_found_in(rule, field.name, draft.plan.origin);
  } else if (rule.on_field_name()) {
    const bool literal = wild.none();
    field.name = mask_name(rule, field.name, '.', literal ? ~wild : wild, draft.plan.origin);
  } else {
    field.work.push_back(&rule);
  }
}

void apply_to_fields(const Rule& rule, Draft& draft) {
  if (rule.is_allow_list() && !rule.on_field_name()) {
    if (draft.allow_list_decided) return;
    draft.allow_list_decided = true;
  }
  Pattern::StepSet wild;
  if (rule.with() == Rule::Operator::drop && (!rule.by_value() || rule.on_field_name())) {
    std::erase_if(draft.fields, [&](auto& f) { return selects(rule, f.name, wild); });
    return;
  }
  for (Draft::Field& field : draft.fields) {
    if (selects(rule, field.name, wild)) apply_to_field(rule, wild, draft, field);
  }
}

// One of the two alone would say a part of what the rule is to hide.
void apply_to_position(const Rule& rule, Draft& draft) {
  const auto named = [&](std::string_view name) {
    return std::ranges::find(draft.fields, name, &Draft::Field::name);
  };
  const auto latitude = named(rule.latitude()), longitude = named(rule.longitude());
  const bool without = latitude == draft.fields.end();
  if (without != (longitude == draft.fields.end())) draft.plan.refused = Reason::mask_failed;
  if (without || draft.plan.refused) return;
  const auto place = [&](Draft::Field& field) {
    if (field.place < 0) {
      field.place = static_cast<std::int32_t>(draft.plan.places.size());
      draft.plan.places.push_back(field.source);
    }
    return static_cast<std::size_t>(field.place);
  };
  draft.plan.pairs.push_back({&rule, place(*latitude), place(*longitude)});
}

bool has_duplicate(std::vector<std::string_view> names) {
  std::ranges::sort(names);
  return std::ranges::adjacent_find(names) != names.end();
}

Plan finish(Draft& draft, Shapes& shapes) {
  Plan plan = std::move(draft.plan);
  std::vector<std::string_view> names;
  for (const Draft::Field& field : draft.fields) {
    names.push_back(field.name);
    const auto begin = static_cast<std::uint32_t>(plan.work.size());
    plan.work.insert(plan.work.end(), field.work.begin(), field.work.end());
    plan.columns.push_back(
        {field.source, begin, static_cast<std::uint32_t>(plan.work.size()), field.place});
  }
  if (plan.refused) return plan;
  if (has_duplicate(names)) {
    plan.refused = Reason::mask_failed;
    return plan;
  }
  plan.shape = shapes.intern(draft.stream, names);
  if (plan.shape == nullptr) plan.refused = Reason::shapes_exhausted;
  return plan;
}

}  // namespace

Plan compile_plan(std::span<const Rule> rules, const Shape& raw, Shapes& shapes,
                  Masker::Origin origin) {
  Draft draft;
  draft.plan.origin = origin;
  draft.stream = raw.stream();
  for (std::uint32_t i = 0; i < raw.field_count(); ++i) {
    draft.fields.push_back({i, raw.fields()[i], {}});
  }
  for (const Rule& rule : rules) {
    const bool selected = rule.selects_stream(draft.stream);
    if (!selected) continue;
    if (rule.on_time().ns > 0) {
      draft.plan.time_step = std::max(draft.plan.time_step, rule.on_time());
      continue;
    }
    if (rule.on_position()) {
      apply_to_position(rule, draft);
      continue;
    }
    if (rule.on_field_name() || !rule.on_names()) apply_to_fields(rule, draft);
    if (rule.on_stream_name()) apply_to_stream_name(rule, draft);
  }
  return finish(draft, shapes);
}

}  // namespace pinaflux
