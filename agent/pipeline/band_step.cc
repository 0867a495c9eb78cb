// A key is the stream and then each key field as type and content; 5 and 5.0 are the same key. Its bytes are put
// together in scratch memory, hashed, and looked up: among what this walk has learned, then in the table.

#include "agent/pipeline/band_step.h"

#include <algorithm>
#include <cmath>

#include "agent/pipeline/node_key.h"
#include "agent/pipeline/number_order.h"

namespace pinaflux {

namespace {

// Of two integers.
double whole_distance(const Value& a, const Value& b) {
  const auto negative = [](const Value& v) { return v.type() == Type::int64 && v.as_int64() < 0; };
  if (a.type() == Type::int64 && b.type() == Type::int64) {
    return static_cast<double>(distance(a.as_int64(), b.as_int64()));
  }
  if (negative(a) || negative(b)) return std::abs(a.to_double() - b.to_double());
  const std::uint64_t x = a.as_uint64(), y = b.as_uint64();
  return static_cast<double>(x > y ? x - y : y - x);
}

}  // namespace

std::uint64_t band_signature(std::string_view text, std::span<const std::string> keys) {
  std::string all(text);
  for (const std::string& key : keys) (all += '\0') += key;
  return stable_hash(all);
}

std::uint64_t distance(std::int64_t a, std::int64_t b) {
  const auto x = static_cast<std::uint64_t>(a), y = static_cast<std::uint64_t>(b);
  return a > b ? x - y : y - x;
}

bool came_late(Stamp time, Stamp newest, Stamp turn) {
  constexpr std::uint64_t kNear = 5 * 60 * std::uint64_t{1'000'000'000};
  if (time.boot != newest.boot) return time.boot != turn.boot;
  if (time.ns >= newest.ns) return false;
  const bool set_back = time.boot == turn.boot && distance(time.ns, turn.ns) <= kNear &&
                        newest.ns > turn.ns && distance(newest.ns, turn.ns) >= 2 * kNear;
  return !set_back;
}

bool silent_too_long(Stamp kept, Instant arrival, Stamp time, Instant now, Duration silence_max) {
  if (silence_max.ns == 0) return false;
  const bool comparable = time.boot == kept.boot;
  if (comparable && distance(time.ns, kept.ns) >= static_cast<std::uint64_t>(silence_max.ns)) {
    return true;
  }
  if (arrival == Instant::never()) return !comparable;
  return now - arrival >= silence_max;
}

bool is_near(const Value& last, const Value& value, double within, double share) {
  if (identical(last, value)) return true;  // NaN, infinity.
  if (!last.is_number() || !value.is_number()) return false;
  const double center = last.to_double();
  if (share > 0.0 && std::isfinite(center)) within = std::max(within, std::abs(center) * share);
  if (within == 0.0) return compare_number(last, value) == std::partial_ordering::equivalent;
  const bool whole = last.type() != Type::float64 && value.type() != Type::float64;
  return (whole ? whole_distance(last, value) : std::abs(value.to_double() - center)) <= within;
}

std::string band_edit_key(std::string_view prefix, std::uint64_t hash) {
  std::string key(prefix);
  for (int shift = 60; shift >= 0; shift -= 4) key += "0123456789abcdef"[(hash >> shift) & 15];
  return key;
}

BandStep::BandStep(std::span<const std::string> keys, std::size_t keys_max, std::uint64_t signature,
                   std::size_t text_bytes_max)
    : table_(keys_max, signature, text_bytes_max) {
  for (const std::string& key : keys) keys_.emplace_back(key);
}

BandStep::Key BandStep::key_of(const Record& record, std::string_view more) {
  KeyWriter key(scratch_);
  key.text(Type::text, record.shape().stream());
  for (Column& column : keys_) key.value(column.of(record));
  if (!more.empty()) key.text(Type::bytes, more);
  if (key.full()) return {};
  return {key.result(), stable_hash(key.result())};
}

bool BandStep::has_key_field(const Record& record) {
  return std::ranges::any_of(
      keys_, [&](Column& column) { return column.of(record).type() != Type::absent; });
}

Band* BandStep::last(const Key& key) {
  for (std::size_t i = pending_count_; i > 0; --i) {
    Pending& pending = pending_[i - 1];
    if (pending.hash == key.hash && pending.key == key.bytes) return &pending.band;
  }
  return table_.find(key.bytes, key.hash);
}

Band& BandStep::remember(const Key& key) {
  if (pending_count_ == pending_.size()) pending_.emplace_back();
  Pending& pending = pending_[pending_count_++];
  pending.key = key.bytes;
  pending.hash = key.hash;
  return pending.band;
}

void BandStep::commit() {
  for (std::size_t i = 0; i < pending_count_; ++i) {
    table_.put(pending_[i].key, pending_[i].hash) = pending_[i].band;
  }
  pending_count_ = 0;
}

void BandStep::save(std::string_view prefix, std::vector<StateEdit>& to) {
  table_.save([&](std::uint64_t hash, Buffer value) {
    to.push_back({band_edit_key(prefix, hash), std::move(value)});
  });
}

void BandStep::snapshot(std::string_view prefix, std::vector<StateEdit>& to) const {
  table_.snapshot([&](std::uint64_t hash, Buffer value) {
    to.push_back({band_edit_key(prefix, hash), std::move(value)});
  });
}

}  // namespace pinaflux
