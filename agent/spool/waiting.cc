#include "agent/spool/waiting.h"

namespace pinaflux::waiting {

namespace {

Result<std::optional<Entry>> newest(Queue& queue, const Lane& lane) {
  const Progress& at = lane.at;
  for (std::uint64_t seq = at.leased.last_free(at.sealed_last); seq > at.acked;) {
    auto entry = queue.last_before(lane.id, seq + 1);
    if (!entry || !*entry) return entry;
    const std::uint64_t first = (*entry)->range.first;
    if (!has_landed(**entry) && !at.leased.contains(first)) return entry;
    seq = at.leased.last_free(first - 1);
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<Entry>> oldest(Queue& queue, const Lane& lane) {
  const Progress& at = lane.at;
  for (std::uint64_t seq = at.leased.first_free(at.acked + 1); seq <= at.sealed_last;) {
    auto entry = queue.at_or_after(lane.id, seq);
    if (!entry || !*entry) return entry;
    if ((*entry)->kind == Kind::chunk) return std::nullopt;
    if (!has_landed(**entry) && !at.leased.contains((*entry)->range.first)) return entry;
    seq = at.leased.first_free((*entry)->range.last + 1);
  }
  return std::nullopt;
}

Result<std::optional<Entry>> next(Queue& queue, const Lane& lane) {
  return lane.order == LaneOptions::Order::newest ? newest(queue, lane) : oldest(queue, lane);
}

}  // namespace pinaflux::waiting
