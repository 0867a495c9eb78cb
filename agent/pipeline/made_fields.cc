// Machines repeat themselves: the names of a record are compared with those of the last one of its shape, and nothing is looked up while
// they are the same.

#include "agent/pipeline/made_fields.h"

#include <algorithm>

#include "agent/data/limits.h"

namespace pinaflux {

const char* MadeFields::add(std::string_view prefix, std::string_view name, const Value& value) {
  const std::size_t size = prefix.size() + name.size();
  if (name.empty() || size > limits::kNameBytesMax)
    return "a name is empty, or has more than 512 bytes";
  if (count_ == fields_max_) return "it holds more fields than fields_max";
  if (count_ == names_.size()) {
    names_.emplace_back();
    values_.emplace_back();
  }
  names_[count_].assign(prefix).append(name);
  const auto end = names_.begin() + static_cast<std::ptrdiff_t>(count_);
  if (std::find(names_.begin(), end, *end) != end) return "it holds a name twice";
  values_[count_++] = value;
  return nullptr;
}

bool MadeFields::holds(const Plan& plan) const {
  return plan.shape != nullptr && plan.names.size() == count_ &&
         std::equal(plan.names.begin(), plan.names.end(), names_.begin());
}

const MadeFields::Plan* MadeFields::plan(const Shape& from) {
  if (from.id() >= plans_.size()) plans_.resize(from.id() + 1);
  Plan& plan = plans_[from.id()];
  if (holds(plan)) return &plan;
  std::vector<std::string_view> names(from.fields().begin(), from.fields().end());
  Plan made;
  for (std::size_t i = 0; i < count_; ++i) {
    const int there = from.find(names_[i]);
    made.places.push_back(there < 0 ? names.size() : static_cast<std::size_t>(there));
    if (there < 0) names.emplace_back(names_[i]);
    made.names.push_back(names_[i]);
  }
  const bool first = plan.shape == nullptr;
  if (!first && shapes_more_ == kShapesMoreMax) {
    const auto same = [&](const Shape* shape) {
      return shape->stream() == from.stream() && std::ranges::equal(shape->fields(), names);
    };
    shapes_full_ = std::ranges::none_of(given_, same);
    if (shapes_full_) return nullptr;
  }
  made.shape = shapes_->intern(from.stream(), names);
  if (made.shape == nullptr) return nullptr;
  if (!std::ranges::contains(given_, made.shape)) {
    given_.push_back(made.shape);
    if (!first) ++shapes_more_;
  }
  plan = std::move(made);
  return &plan;
}

bool MadeFields::emit(const Record& record, int without, Stamp time, Flow& flow) {
  const auto refuse = [&](Reason reason) { return flow.refuse(reason), false; };
  shapes_full_ = false;
  const Plan* const plan = this->plan(record.shape());
  if (plan == nullptr) return refuse(shapes_full_ ? Reason::node_failed : Reason::shapes_exhausted);
  const auto cells = flow.cells.array<Value>(plan->shape->field_count());
  if (cells.data() == nullptr) return refuse(Reason::too_large);
  std::ranges::fill(cells, Value());
  std::ranges::copy(record.cells(), cells.begin());
  if (without >= 0) cells[static_cast<std::size_t>(without)] = Value();
  for (std::size_t i = 0; i < count_; ++i) cells[plan->places[i]] = values_[i];
  const auto is_there = [](const Value& value) { return value.type() != Type::absent; };
  if (std::ranges::none_of(cells, is_there)) return true;
  flow.emit(Record::derived(record, Row{plan->shape, cells.data(), time}));
  return true;
}

}  // namespace pinaflux
