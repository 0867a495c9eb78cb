// A binary heap whose events know their places, so that a timer that moves, as most do, moves in the
// heap and leaves nothing behind that would have to be skipped later.

#include "platform/sim/scheduler.h"

#include <algorithm>

#include "platform/base/assert.h"

namespace pinaflux {

SimEvent::~SimEvent() { cancel(); }

void SimEvent::at(Instant when) { scheduler_.put(*this, when); }
void SimEvent::in(Duration after) {
  scheduler_.put(*this, scheduler_.now() + std::max(after, Duration{}));
}
void SimEvent::cancel() {
  if (waits()) scheduler_.take(*this);
}

void SimScheduler::place(std::size_t index, const Entry& entry) {
  heap_[index] = entry;
  entry.event->place_ = index;
}

void SimScheduler::rise(std::size_t index, const Entry& entry) {
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (!entry.before(heap_[parent])) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, entry);
}

void SimScheduler::sink(std::size_t index, const Entry& entry) {
  for (;;) {
    std::size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) ++child;
    if (!heap_[child].before(entry)) break;
    place(index, heap_[child]);
    index = child;
  }
  place(index, entry);
}

void SimScheduler::put(SimEvent& event, Instant when) {
  const Entry entry{std::max(when, now_), ++last_number_, &event};
  if (event.waits()) {
    const std::size_t index = event.place_;
    if (entry.before(heap_[index])) return rise(index, entry);
    return sink(index, entry);
  }
  heap_.push_back(entry);
  rise(heap_.size() - 1, entry);
}

void SimScheduler::take(SimEvent& event) {
  const std::size_t index = event.place_;
  ASSERT(index < heap_.size() && heap_[index].event == &event);
  event.place_ = SimEvent::kNowhere;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (index == heap_.size()) return;
  if (index > 0 && last.before(heap_[(index - 1) / 2])) return rise(index, last);
  sink(index, last);
}

bool SimScheduler::step() {
  if (heap_.empty() || heap_[0].at == Instant::never()) return false;
  SimEvent& event = *heap_[0].event;
  now_ = heap_[0].at;
  take(event);
  ++steps_;
  event.happen();  // May destroy it.
  return true;
}

bool SimScheduler::run_until(Instant end, std::uint64_t steps_max) {
  const std::uint64_t steps_end = steps_ + steps_max;
  while (!heap_.empty() && heap_[0].at <= end && end != Instant::never()) {
    if (steps_ == steps_end) return false;
    step();
  }
  now_ = std::max(now_, end);
  return true;
}

}  // namespace pinaflux
