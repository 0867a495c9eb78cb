// All names change at once, each looked up by its old name, so that {a: b, b: a} swaps two fields.

#include "agent/pipeline/rename.h"

#include <algorithm>

namespace pinaflux {

Result<std::unique_ptr<Step>> RenameStep::make(const Rename& options, Shapes& shapes) {
  for (auto at = options.fields.begin(); at != options.fields.end(); ++at) {
    const auto& [from, to] = *at;
    if (from.empty() || to.empty()) return fail(Code::invalid, "rename: a field's name is empty");
    const bool twice = std::any_of(options.fields.begin(), at,
                                   [&](const auto& earlier) { return earlier.first == from; });
    if (twice) return fail(Code::invalid, "rename: a field is renamed twice");
  }
  return std::unique_ptr<Step>(new RenameStep(options, shapes));
}

void RenameStep::take(const Record& record, Flow& flow) {
  const std::size_t id = record.shape().id();
  if (id >= targets_.size()) targets_.resize(id + 1);
  if (!targets_[id]) targets_[id] = find(record.shape());
  const Target& target = *targets_[id];
  if (target.shape == nullptr) return flow.refuse(target.reason);
  flow.emit(Record::derived(record, Row{target.shape, record.row().values, record.time()}));
}

RenameStep::Target RenameStep::find(const Shape& shape) const {
  std::vector<std::string_view> names(shape.fields().begin(), shape.fields().end());
  for (std::string_view& name : names) {
    const auto it = std::ranges::find(options_.fields, name, [](auto& p) { return p.first; });
    if (it != options_.fields.end()) name = it->second;
  }
  auto sorted = names;
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end()) return {nullptr, Reason::node_failed};
  const std::string_view stream = options_.stream.empty() ? shape.stream() : options_.stream;
  return {shapes_->intern(stream, names), Reason::shapes_exhausted};
}

}  // namespace pinaflux
