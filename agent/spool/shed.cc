#include "agent/spool/shed.h"

#include <cstddef>
#include <optional>

#include "agent/spool/spool.h"
#include "agent/spool/thin.h"
#include "agent/spool/tombstone.h"

namespace pinaflux::shed {

namespace {

constexpr std::size_t kExpireMax = 64;  // Entries that one commit expires in a lane.

Result<std::optional<Entry>> victim(Store& store, const Lane& lane) {
  auto entry = oldest_unleased(*store.queue, lane);
  if (!entry || *entry) return entry;
  return store.queue->at_or_after(lane.id, 0, true);
}

Result<bool> lose_some(Store& store, Thinner& thinner) {
  for (std::size_t i = store.lanes.size(); i-- > 0;) {
    Lane& lane = store.lanes[i];
    if (lane.when_full == LaneOptions::WhenFull::hold || lane.at.records == 0) continue;
    if (lane.when_full == LaneOptions::WhenFull::thin) {
      const auto thinned = thinner.thin(lane);
      if (!thinned || *thinned) return thinned;
    }
    const auto entry = victim(store, lane);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) continue;
    if (Status s = tombstone::entomb(*store.queue, lane, **entry, Loss::evicted); !s) {
      return std::unexpected(s.error());
    }
    return true;
  }
  return false;
}

}  // namespace

Result<std::optional<Entry>> oldest_unleased(Queue& queue, const Lane& lane) {
  std::uint64_t seq = lane.at.leased.first_free(lane.at.acked + 1);
  for (;;) {
    auto entry = queue.at_or_after(lane.id, seq, true);
    if (!entry || !*entry || !lane.at.leased.contains((*entry)->range.first)) return entry;
    seq = lane.at.leased.first_free((*entry)->range.last + 1);
  }
}

Status expire(Store& store, Lane& lane, std::int64_t age) {
  const std::int64_t oldest_kept =
      lane.keep == Duration::max() ? 0 : age - lane.keep.ns / Duration::seconds(1).ns;
  for (std::size_t i = 0; i < kExpireMax; ++i) {
    const bool much = lane.at.bytes > lane.bytes_max;
    if (lane.at.records == 0 || (!much && lane.at.oldest_age >= oldest_kept)) return {};
    const auto entry = oldest_unleased(*store.queue, lane);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry || (!much && (*entry)->age >= oldest_kept)) return {};
    if (Status s = tombstone::entomb(*store.queue, lane, **entry, Loss::expired); !s) return s;
    if (Status s = store.find_front(lane); !s) return s;
  }
  return {};
}

Status make_room(Store& store, std::int64_t bytes) {
  Thinner thinner(store);
  for (;;) {
    const auto fits = store.room->fits(bytes);
    if (!fits) return std::unexpected(fits.error());
    if (*fits) return {};
    const auto lost = lose_some(store, thinner);
    if (!lost) return std::unexpected(lost.error());
    if (!*lost) return fail(Code::full, "the spool is full");
  }
}

}  // namespace pinaflux::shed
