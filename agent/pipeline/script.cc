// A record keeps its fields and their order: one that a script takes out is absent in it, so that its shape stays the same. What is
// added stands behind them, by name. State on disk is the mark of the script's text, and what LuaScript::state() gives.

#include "agent/pipeline/script.h"

#include <algorithm>

#include "agent/pipeline/kept_value.h"
#include "platform/base/bytes.h"

namespace pinaflux {

namespace {

// FNV-1a.
std::uint64_t mark_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

Result<std::unique_ptr<Step>> ScriptStep::make(const Script& options, Shapes& shapes) {
  auto script = LuaScript::compile(options.text, {.memory_max = options.memory_max,
                                                  .steps_max = options.steps_max,
                                                  .records_max = options.records_max,
                                                  .fields_max = options.fields_max});
  if (!script) return fail(Code::invalid, "script: it cannot be compiled");
  std::unique_ptr<ScriptStep> step(new ScriptStep(options, shapes));
  step->script_ = std::move(*script);
  return step;
}

ScriptStep::ScriptStep(const Script& options, Shapes& shapes)
    : shapes_(&shapes), records_max_(options.records_max), fields_max_(options.fields_max) {
  Writer(mark_).u64(mark_of(options.text));
}

Step::Computed ScriptStep::computed() const {
  return {.copies = true, .fields = fields_max_, .records = records_max_};
}

void ScriptStep::take(const Record& record, Flow& flow) {
  shapes_full_ = false;
  if (!script_->run(record)) return flow.refuse(Reason::node_failed);
  for (std::size_t i = 0; i < script_->given(); ++i) {
    switch (script_->read(i, record, given_)) {
      case LuaScript::Reading::nothing: break;
      case LuaScript::Reading::failed: return flow.refuse(Reason::node_failed);
      case LuaScript::Reading::record:
        if (!emit(record, flow)) return;
    }
  }
}

std::string ScriptStep::failure() const {
  return shapes_full_ ? "it gives more than 256 streams and lists of fields" : script_->failure();
}

bool ScriptStep::emit(const Record& record, Flow& flow) {
  const auto is_there = [](const Value& value) { return value.type() != Type::absent; };
  if (given_.added.empty() && std::ranges::none_of(given_.cells, is_there)) return true;
  const auto refuse = [&](Reason reason) { return flow.refuse(reason), false; };
  const Shape* const shape = shape_of(record);
  if (shapes_full_) return refuse(Reason::node_failed);
  if (shape == nullptr) return refuse(Reason::shapes_exhausted);
  const auto cells = flow.cells.array<Value>(shape->field_count());
  if (cells.data() == nullptr) return refuse(Reason::too_large);
  std::ranges::copy(given_.cells, cells.begin());
  for (std::size_t i = 0; i < given_.added.size(); ++i) {
    cells[given_.cells.size() + i] = given_.added[i].second;
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i < given_.cells.size() && identical(cells[i], record.cells()[i])) {
      cells[i] = record.cells()[i];
    } else if (!keep_value(cells[i], flow.texts)) {
      return refuse(Reason::too_large);
    }
  }
  flow.emit(Record::derived(record, Row{shape, cells.data(), given_.time}));
  return true;
}

const Shape* ScriptStep::shape_of(const Record& record) {
  const Shape& from = record.shape();
  if (given_.added.empty() && given_.stream == from.stream()) return &from;
  if (from.id() >= shapes_given_.size()) shapes_given_.resize(from.id() + 1);
  const Shape*& last = shapes_given_[from.id()];
  const std::size_t before = from.field_count(), count = before + given_.added.size();
  const auto name_of = [](const auto& field) { return field.first; };
  const auto same = [&](const Shape* shape) {
    return shape->field_count() == count && shape->stream() == given_.stream &&
           std::ranges::equal(shape->fields().subspan(before), given_.added, {}, {}, name_of);
  };
  if (last != nullptr && same(last)) return last;
  if (shapes_more_ == kShapesMoreMax && last != nullptr) {
    const auto known = std::ranges::find_if(shapes_known_, [&](const Shape* shape) {
      return same(shape) && std::ranges::equal(shape->fields().first(before), from.fields());
    });
    shapes_full_ = known == shapes_known_.end();
    return shapes_full_ ? nullptr : last = *known;
  }
  names_.assign(from.fields().begin(), from.fields().end());
  for (const auto& [name, value] : given_.added) names_.push_back(name);
  const Shape* const shape = shapes_->intern(given_.stream, names_);
  if (shape == nullptr) return nullptr;
  if (std::ranges::find(shapes_known_, shape) == shapes_known_.end()) {
    shapes_known_.push_back(shape);
    if (last != nullptr) ++shapes_more_;
  }
  return last = shape;
}

void ScriptStep::commit() {
  if (script_->state() == committed_) return;
  committed_ = script_->state();
  changed_ = true;
}

void ScriptStep::discard() {
  if (script_->state() != committed_) script_->set_state(committed_);
}

StateEdit ScriptStep::edit(std::string_view prefix) const {
  StateEdit edit{std::string(prefix) + "state", {}};
  if (committed_.empty()) return edit;
  edit.value = mark_;
  append(edit.value, committed_);
  return edit;
}

void ScriptStep::save(std::string_view prefix, std::vector<StateEdit>& to) {
  if (std::exchange(changed_, false)) to.push_back(edit(prefix));
}

void ScriptStep::snapshot(std::string_view prefix, std::vector<StateEdit>& to) const {
  if (!committed_.empty()) to.push_back(edit(prefix));
}

void ScriptStep::restore(Bytes value) {
  const bool its =
      value.size() > mark_.size() && std::ranges::equal(value.first(mark_.size()), mark_);
  const std::string_view state = its ? as_text(value.subspan(mark_.size())) : std::string_view();
  if (its) script_->set_state(state);
  if (its && script_->state() == state) {
    committed_ = state;
  } else {
    changed_ = true;  // It goes.
  }
}

}  // namespace pinaflux
