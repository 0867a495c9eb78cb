// Where all fields are the key, the first 16 bytes of their SHA-256 stand for them: a length that is known, whatever the
// record, and nobody can make two records that have the same.

#include "agent/pipeline/dedupe.h"

#include <algorithm>

#include "agent/pipeline/key_limits.h"
#include "agent/pipeline/node_key.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

Result<std::unique_ptr<Step>> DedupeStep::make(const Dedupe& options) {
  if (options.within.ns <= 0) return fail(Code::invalid, "dedupe has a time above 0");
  if (options.keys_max == 0) return fail(Code::invalid, "dedupe needs room for 1 key or more");
  if (options.keys_max > kThinKeysMax) return fail(Code::full, "dedupe has at most 32768 keys");
  return std::unique_ptr<Step>(new DedupeStep(options));
}

DedupeStep::DedupeStep(const Dedupe& options)
    : BandStep(options.keys, options.keys_max, band_signature("\1dedupe", options.keys)),
      within_(options.within),
      whole_(options.keys.empty()) {}

void DedupeStep::take(const Record& record, Flow& flow) {
  if (!whole_ && !has_key_field(record)) return flow.emit(record);
  const Key key = key_of(record, whole_ ? digest(record) : std::string_view());
  if (key.too_long()) return flow.emit(record);
  Band* band = last(key);
  const Instant now = flow.moment.now;
  if (band != nullptr && seen(*band, record.time(), now)) {
    if (band->arrival == Instant::never()) band->arrival = now;
    return;
  }
  if (band != nullptr && came_late(record.time(), band->time, flow.moment.stamp)) {
    return flow.emit(record);
  }
  Band& kept = remember(key);
  kept = Band();
  kept.time = record.time();
  kept.arrival = now;
  flow.emit(record);
}

// Record times of different boots say nothing of each other. After a restart such a record passes.
bool DedupeStep::seen(const Band& last, Stamp time, Instant now) const {
  if (time.boot == last.time.boot) {
    return distance(time.ns, last.time.ns) < static_cast<std::uint64_t>(within_.ns);
  }
  return last.arrival != Instant::never() && now - last.arrival < within_;
}

// Of each field that is there its name and its value, in their order.
std::string_view DedupeStep::digest(const Record& record) {
  bytes_.clear();
  for (std::size_t i = 0; i < record.cells().size(); ++i) {
    const Value& value = record.cells()[i];
    if (value.type() == Type::absent) continue;
    const std::string& name = record.shape().fields()[i];
    const std::size_t wanted = name.size() + 18 + (value.is_view() ? value.as_text().size() : 0);
    const std::size_t at = bytes_.size();
    bytes_.resize(at + wanted);
    KeyWriter to(std::span<char>(bytes_).subspan(at));
    to.text(Type::text, name);
    to.value(value);
    bytes_.resize(at + to.result().size());
  }
  const auto hash = crypto::sha256(as_bytes(bytes_));
  std::copy_n(hash.begin(), digest_.size(), digest_.begin());
  return {digest_.data(), digest_.size()};
}

}  // namespace pinaflux
