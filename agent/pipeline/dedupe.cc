// Where all fields are the key, 16 bytes stand for them: two hashes of the same bytes behind different beginnings, so
// that the key has a length that is known, whatever the record.

#include "agent/pipeline/dedupe.h"

#include "agent/pipeline/node_key.h"

namespace pinaflux {

Result<std::unique_ptr<Step>> DedupeStep::make(const Dedupe& options) {
  if (options.within.ns <= 0) return fail(Code::invalid, "dedupe has a time above 0");
  if (options.keys_max == 0) return fail(Code::invalid, "dedupe needs room for 1 key or more");
  return std::unique_ptr<Step>(new DedupeStep(options));
}

DedupeStep::DedupeStep(const Dedupe& options)
    : BandStep(options.keys, options.keys_max, band_signature("dedupe", options.keys)),
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
  bytes_.assign(1, '\0');
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
  for (std::size_t half = 0; half < 2; ++half) {
    bytes_[0] = static_cast<char>(half);
    const std::uint64_t hash = stable_hash(bytes_);
    for (std::size_t i = 0; i < 8; ++i) {
      digest_[8 * half + i] = static_cast<char>(hash >> (8 * i));
    }
  }
  return {digest_.data(), digest_.size()};
}

}  // namespace pinaflux
