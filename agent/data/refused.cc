// Packed: format (1) | nanoseconds a tick (8) | arrival: time (8), boot (8) | stream: length, text | bytes

#include "agent/data/refused.h"

#include <algorithm>

#include "agent/data/limits.h"

namespace pinaflux {

namespace {
constexpr std::size_t kMostBefore = 3 * sizeof(std::uint64_t) + 16;
}

Buffer RefusedBytes::pack() const {
  const Bytes kept = bytes.first(std::min(bytes.size(), limits::kRefusedBytesMax));
  Buffer packed;
  packed.reserve(kMostBefore + stream.size() + kept.size());  // It never moves: no copy is left.
  Writer writer(packed);
  writer.u8(format);
  writer.u64(static_cast<std::uint64_t>(ns_per_tick));
  writer.u64(static_cast<std::uint64_t>(arrival.ns));
  writer.u64(arrival.boot);
  writer.text(stream);
  writer.raw(kept);
  return packed;
}

std::optional<RefusedBytes> RefusedBytes::open(Bytes packed) {
  Reader reader(packed);
  RefusedBytes opened;
  opened.format = reader.u8();
  opened.ns_per_tick = static_cast<std::int64_t>(reader.u64());
  opened.arrival.ns = static_cast<std::int64_t>(reader.u64());
  opened.arrival.boot = reader.u64();
  opened.stream = reader.text();
  opened.bytes = reader.raw(reader.left());
  return reader.failed() ? std::nullopt : std::optional(opened);
}

}  // namespace pinaflux
