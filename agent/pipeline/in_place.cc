#include "agent/pipeline/in_place.h"

#include <algorithm>

#include "agent/pipeline/kept_value.h"
#include "platform/base/text.h"

namespace pinaflux {

void InPlaceStep::take(const Record& record, Flow& flow) {
  std::span<Value> cells;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const int place = fields_[i].column.position(record.shape());
    if (place < 0) continue;
    Value value = record.cells()[static_cast<std::size_t>(place)];
    if (value.type() == Type::absent || value.type() == Type::null) continue;
    const Value before = value;
    if (!change(i, value)) {
      failed_ = i;
      return flow.refuse(Reason::node_failed);
    }
    if (identical(value, before)) continue;
    if (!keep_value(value, flow.texts)) return flow.refuse(Reason::too_large);
    if (cells.empty()) {
      cells = flow.cells.array<Value>(record.cells().size());
      if (cells.data() == nullptr) return flow.refuse(Reason::too_large);
      std::ranges::copy(record.cells(), cells.begin());
    }
    cells[static_cast<std::size_t>(place)] = value;
  }
  if (cells.empty()) return flow.emit(record);
  const auto is_there = [](const Value& value) { return value.type() != Type::absent; };
  if (std::ranges::none_of(cells, is_there)) return;
  flow.emit(Record::derived(record, Row{&record.shape(), cells.data(), record.time()}));
}

std::string InPlaceStep::failure() const {
  return joined({"field '", printable(fields_[failed_].name, 40), "': ", why()});
}

}  // namespace pinaflux
