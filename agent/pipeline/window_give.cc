// What a window gives, of the panes that it is put together from.

#include <cmath>

#include "agent/pipeline/kept_value.h"
#include "agent/pipeline/window.h"

namespace pinaflux {

std::optional<Step::Given> WindowStep::give(Arena& arena) {
  const Key& key = table_[ready_[ready_begin_]];
  const std::int64_t again = amended_end(key);
  const std::int64_t end = again == WindowTable::kNever ? earliest_end(key) : again;
  fill(key, end);
  const auto cells = arena.array<Value>(names_.size());
  if (cells.data() == nullptr) return {};
  const Pane& first = table_.pane(key.oldest);
  const std::int64_t start = session() ? first.start : end - options_.length.ns;
  bool fits = true;
  write(key, {start, session() ? first.last : end}, cells, arena, fits);
  if (!fits) return {};
  if (amends()) {
    const std::uint64_t revision = again == WindowTable::kNever ? 0 : key.revision + 1;
    cells.back() = Value::int64(static_cast<std::int64_t>(revision));
  }
  KeyReader parts(key.bytes);
  (void)parts.value();
  const std::uint64_t boot = parts.value()->as_uint64();
  return Given{Record::remembered({key.shape, cells.data(), {start, boot}}), key.source};
}

// Merges the panes of the window that ends there.
void WindowStep::fill(const Key& key, std::int64_t end) {
  for (Accumulator& field : merged_) field.reset();
  merged_records_ = 0;
  for (Index at = key.oldest; at != WindowTable::kNone; at = table_.pane(at).newer) {
    if (!session() && table_.pane(at).start >= end) break;
    if (!session() && table_.pane(at).start + options_.length.ns < end) continue;
    merged_records_ += table_.pane(at).records;
    for (std::size_t i = 0; i < merged_.size(); ++i) {
      merged_[i].merge(table_.fields(at)[i], needs_);
    }
    if (session()) break;
  }
}

Value WindowStep::time_mean(const Key& key, std::size_t field, Times times) const {
  const double held = key.held.empty() ? NAN : key.held[field];
  const auto mean = merged_[field].time_mean().mean(times.begin, times.end, held);
  return mean ? Value::float64(*mean) : Value();
}

void WindowStep::write(const Key& key, Times times, std::span<Value> cells, Arena& arena,
                       bool& fits) const {
  std::size_t to = 0;
  KeyReader parts(key.bytes);
  (void)parts.value();
  (void)parts.value();
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    Value value = *parts.value();
    fits = keep_value(value, arena) && fits;
    cells[to++] = value;
  }
  for (std::size_t i = 0; i < merged_.size(); ++i) {
    for (const Statistic& statistic : give_) {
      const bool of_time = statistic.kind == Statistic::Kind::time_mean;
      cells[to++] = of_time ? time_mean(key, i, times) : merged_[i].result(statistic);
    }
  }
  if (counts_) cells[to++] = Value::int64(static_cast<std::int64_t>(merged_records_));
  ASSERT(to == cells.size() - (amends() ? 1 : 0));
}

// Its last values hold until the next ones of the key.
void WindowStep::drop_oldest(Index index) {
  Key& key = table_[index];
  const auto fields = table_.fields(key.oldest);
  if (needs_.time) key.held.resize(fields.size(), NAN);
  for (std::size_t i = 0; i < key.held.size(); ++i) {
    const double last = fields[i].time_mean().last();
    if (!std::isnan(last)) key.held[i] = last;
  }
  table_.remove_pane(index, key.oldest);
}

void WindowStep::given() {
  const Index index = ready_[ready_begin_];
  Key& key = table_[index];
  if (session()) {
    drop_oldest(index);
  } else {
    const std::int64_t again = amended_end(key);
    if (again == WindowTable::kNever) {
      key.emitted = earliest_end(key);
    } else {
      amended(index, again);
    }
    drop_given(index);
  }
  table_.change(index);
  if (due(key)) return;
  next_ready();
  due_ = std::min(due_, silent_until(key));
  if (key.closing) forget(index);
}

}  // namespace pinaflux
