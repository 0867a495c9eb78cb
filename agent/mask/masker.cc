// For each record: find the plan of its shape by index, take one array from the group's arena, walk the
// plan's columns. A cell without work is copied; a cell with work is worked on in scratch memory and only
// its result reaches the group's arena: a raw value that a rule covers never gets there.

#include "agent/mask/masker.h"

#include <algorithm>

#include "agent/mask/coarse_time.h"
#include "agent/mask/plan.h"
#include "agent/mask/rule.h"

namespace pinaflux {

struct Masker::State {
  explicit State(Shapes& all) : shapes(all) {}

  const Plan& plan_of(const Shape& raw, Origin origin) {
    auto& plans = plans_of_origin[static_cast<std::size_t>(origin)];
    const std::size_t id = raw.id();
    if (id < plans.size() && plans[id] != nullptr) [[likely]]
      return *plans[id];
    if (id >= plans.size()) plans.resize(id + 1);
    plans[id] = std::make_unique<Plan>(compile_plan(rules, raw, shapes, origin));
    if (places.size() < plans[id]->places.size()) places.resize(plans[id]->places.size());
    return *plans[id];
  }

  Shapes& shapes;
  std::vector<Rule> rules;
  // By Shape::id; a plan's rules point into `rules`.
  std::vector<std::unique_ptr<Plan>> plans_of_origin[2];
  MaskScratch scratch;
  bool looks_at_values = false;
  std::vector<Value> places;  // Of the plan in hand.
};

namespace {

using Outcome = Masker::Outcome;
using Verdict = Masker::Verdict;
using Origin = Masker::Origin;

Outcome refuse(Reason reason) { return {Verdict::refused, reason, std::nullopt}; }

enum class Kept { done, failed, rejected, no_room };

Kept keep(const Value& value, Arena& arena, Value& to) {
  to = value;
  if (!value.is_view()) return Kept::done;
  const std::string_view text = arena.copy(value.as_text());
  if (text.data() == nullptr) return Kept::no_room;
  to = value.type() == Type::text ? Value::text(text) : Value::bytes(as_bytes(text));
  return Kept::done;
}

// The first that is not done yet.
std::uint32_t work_left(const Plan& plan, const Plan::Column& column, const Value& value) {
  std::uint32_t left = column.work_begin;
  for (std::uint32_t i = column.work_begin; plan.origin == Origin::letter && i < column.work_end;
       ++i) {
    if (plan.work[i]->made(value)) left = i + 1;
  }
  return left;
}

Kept work(const Plan& plan, const Plan::Column& column, Value value, const Rule::Cell& cell,
          MaskScratch& scratch, Arena& arena, Value& to) {
  to = Value();
  if (value.type() == Type::absent) return Kept::done;
  for (std::uint32_t i = work_left(plan, column, value); i < column.work_end; ++i) {
    if (value.type() == Type::absent) break;  // Dropped by what it held.
    const auto applied = plan.work[i]->apply(value, cell, scratch);
    if (applied == Rule::Applied::failed) return Kept::failed;
    if (applied == Rule::Applied::rejected) return Kept::rejected;
  }
  return keep(value, arena, to);
}

Kept work_on_positions(const Plan& plan, const Row& raw, std::span<Value> places) {
  for (std::size_t i = 0; i < plan.places.size(); ++i) places[i] = raw.values[plan.places[i]];
  for (const Plan::Pair& pair : plan.pairs) {
    const auto applied =
        pair.rule->apply_to_position(places[pair.latitude], places[pair.longitude]);
    if (applied == Rule::Applied::failed) return Kept::failed;
  }
  return Kept::done;
}

Kept keep_all(const Plan& plan, const Row& raw, std::span<const Value> places, MaskScratch& scratch,
              Arena& arena, std::span<Value> to) {
  Rule::Cell cell{plan.origin, plan.shape->stream(), {}, raw.time};
  for (std::size_t i = 0; i < to.size(); ++i) {
    const Plan::Column& column = plan.columns[i];
    const Value& value = column.place < 0 ? raw.values[column.source]
                                          : places[static_cast<std::size_t>(column.place)];
    Kept kept = Kept::done;
    if (column.work_begin == column.work_end) {
      kept = keep(value, arena, to[i]);
    } else {
      cell.field = plan.shape->fields()[i];
      kept = work(plan, column, value, cell, scratch, arena, to[i]);
    }
    if (kept != Kept::done) return kept;
  }
  return Kept::done;
}

}  // namespace

Result<std::unique_ptr<Masker>> Masker::make(const MaskOptions& options, Shapes& shapes,
                                             const Vault& vault) {
  auto state = std::make_unique<State>(shapes);
  state->rules.reserve(options.rules.size());
  for (const MaskRule& options_of_rule : options.rules) {
    auto rule = Rule::make(options_of_rule, vault);
    if (!rule) return std::unexpected(rule.error());
    state->rules.push_back(std::move(*rule));
    state->looks_at_values |= state->rules.back().by_value();
  }
  if (state->looks_at_values) state->scratch.make_room();
  return std::unique_ptr<Masker>(new Masker(std::move(state)));
}

Masker::Masker(std::unique_ptr<State> state) : state_(std::move(state)) {}
Masker::~Masker() = default;

Masker::Outcome Masker::mask(const RawRecord& raw, Arena& arena, Origin origin) {
  const Plan& plan = state_->plan_of(*raw.row.shape, origin);
  if (plan.refused) return refuse(*plan.refused);
  for (std::uint32_t position : plan.rejected) {
    if (raw.row.values[position].type() != Type::absent) return refuse(Reason::unknown_field);
  }
  state_->scratch.begin_record();
  const std::span<Value> to = arena.array<Value>(plan.columns.size());
  Kept kept =
      to.data() == nullptr ? Kept::no_room : work_on_positions(plan, raw.row, state_->places);
  if (kept == Kept::done)
    kept = keep_all(plan, raw.row, state_->places, state_->scratch, arena, to);
  std::ranges::fill(state_->places, Value());
  if (state_->looks_at_values) state_->scratch.wipe();
  switch (kept) {
    case Kept::failed: return refuse(Reason::mask_failed);
    case Kept::rejected: return refuse(Reason::unknown_field);
    case Kept::no_room: return {Verdict::no_room, Reason::malformed, std::nullopt};
    case Kept::done: break;
  }
  Stamp time = raw.row.time;
  if (plan.time_step.ns > 0) coarsen(time, plan.time_step);
  return {Verdict::kept, Reason::malformed, Record(Row{plan.shape, to.data(), time})};
}

}  // namespace pinaflux
