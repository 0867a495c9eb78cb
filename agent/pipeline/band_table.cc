// A vector of entries threaded twice: by bucket (singly) and by age (doubly). An entry that is forgotten gives
// its place, and the memory of its strings, to the new one.
//
// A stored value, little-endian:
//
//   u8 version = 1 | u64 signature | key | u8 type | u64 bits or text | u64 time.ns | u64 time.boot
//
// with `key` and `text` as a varint length and bytes. It is named by the key's 64-bit hash; should two keys
// share one, the later edit wins: after a restart the other key is one that was forgotten, and what was held
// back for it is lost. The hash is no secret, and who chooses keys can make two that share one.
// (About 45 bytes and a 16-digit name for each key that changed in a commit.)

#include "agent/pipeline/band_table.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace pinaflux {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kBucketsMax = 1u << 16;

bool is_view(Type type) { return type == Type::text || type == Type::bytes; }

}  // namespace

std::uint64_t stable_hash(std::string_view bytes) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15u;  // 2^64 / golden ratio.
  std::uint64_t hash = bytes.size() * kOdd;
  for (Reader reader(as_bytes(bytes)); reader.left() > 0;) {
    std::uint64_t piece = 0;
    if (reader.left() >= 8) {
      piece = reader.u64();
    } else {
      while (reader.left() > 0) piece = (piece << 8) | reader.u8();
    }
    hash = (hash ^ piece) * kOdd;
    hash ^= hash >> 32;
  }
  return hash;
}

BandTable::BandTable(std::size_t keys_max, std::uint64_t signature, std::size_t text_bytes_max)
    : keys_max_(std::max<std::size_t>(keys_max, 1)),
      text_bytes_max_(text_bytes_max),
      signature_(signature),
      buckets_(std::min(std::bit_ceil(keys_max_), kBucketsMax), kNone) {}

Band* BandTable::find(std::string_view key, std::uint64_t hash) {
  const Index index = index_of(key, hash);
  if (index == kNone) return nullptr;
  if (index != newest_) {
    unlink_age(index);
    link_newest(index);
  }
  return &entries_[index].band;
}

Band& BandTable::put(std::string_view key, std::uint64_t hash) {
  Index index = index_of(key, hash);
  if (index == kNone) {
    index = take();
    Entry& entry = entries_[index];
    entry.hash = hash;
    entry.key = key;
    entry.next = bucket(hash);
    bucket(hash) = index;
  } else {
    unlink_age(index);
  }
  link_newest(index);
  change(index);
  return entries_[index].band;
}

void BandTable::change(Index index) {
  if (!std::exchange(entries_[index].changed, true)) changed_.push_back(index);
}

const Band* BandTable::forgotten_next() const {
  return entries_.size() < keys_max_ ? nullptr : &entries_[oldest_].band;
}

void BandTable::visit(const std::function<bool(Band&)>& changes) {
  for (Index index = oldest_; index != kNone; index = entries_[index].newer) {
    if (changes(entries_[index].band)) change(index);
  }
}

void BandTable::save(const Edit& edit) {
  for (std::uint64_t hash : forgotten_) {
    if (!has(hash)) edit(hash, {});
  }
  for (Index index : changed_) {
    Entry& entry = entries_[index];
    entry.changed = false;
    entry.stored = true;
    edit(entry.hash, encode(entry));
  }
  forgotten_.clear();
  changed_.clear();
}

void BandTable::snapshot(const Edit& edit) const {
  for (Index index = oldest_; index != kNone; index = entries_[index].newer) {
    edit(entries_[index].hash, encode(entries_[index]));
  }
}

Buffer BandTable::encode(const Entry& entry) const {
  Buffer value;
  Writer to(value);
  to.u8(kVersion);
  to.u64(signature_);
  to.text(entry.key);
  to.u8(static_cast<std::uint8_t>(entry.band.type));
  if (is_view(entry.band.type)) {
    to.text(entry.band.text);
  } else {
    to.u64(entry.band.bits);
  }
  to.u64(static_cast<std::uint64_t>(entry.band.time.ns));
  to.u64(entry.band.time.boot);
  return value;
}

std::optional<BandTable::Stored> BandTable::decode(Bytes value) {
  Reader from(value);
  if (from.u8() != kVersion) return {};
  Stored stored;
  stored.signature = from.u64();
  stored.key = from.text();
  const std::uint8_t type = from.u8();
  if (type < static_cast<std::uint8_t>(Type::null) ||
      type > static_cast<std::uint8_t>(Type::bytes)) {
    return {};
  }
  Band& band = stored.band;
  band.type = static_cast<Type>(type);
  band.restored = true;
  if (is_view(band.type)) {
    band.text = from.text();
  } else {
    band.bits = from.u64();
  }
  band.time.ns = static_cast<std::int64_t>(from.u64());
  band.time.boot = from.u64();
  if (from.failed() || from.left() != 0) return {};
  return stored;
}

bool BandTable::takes(const Stored& stored) const {
  return stored.signature == signature_ && stored.key.size() <= kKeyBytesMax &&
         stored.band.text.size() <= text_bytes_max_;
}

bool BandTable::restore(Bytes value) {
  ASSERT(changed_.empty());
  auto stored = decode(value);
  if (!stored || !takes(*stored)) return false;
  put(stored->key, stable_hash(stored->key)) = std::move(stored->band);
  Entry& entry = entries_[newest_];
  entry.changed = false;
  entry.stored = true;
  changed_.pop_back();
  return true;
}

BandTable::Index BandTable::index_of(std::string_view key, std::uint64_t hash) {
  Index index = bucket(hash);
  while (index != kNone && (entries_[index].hash != hash || entries_[index].key != key)) {
    index = entries_[index].next;
  }
  return index;
}

// A place for a new entry, linked nowhere.
BandTable::Index BandTable::take() {
  if (entries_.size() < keys_max_) {
    entries_.emplace_back();
    return static_cast<Index>(entries_.size() - 1);
  }
  const Index index = oldest_;
  Entry& entry = entries_[index];
  if (entry.stored) forgotten_.push_back(entry.hash);
  entry.stored = false;
  unlink_bucket(index);
  unlink_age(index);
  return index;
}

bool BandTable::has(std::uint64_t hash) {
  Index index = bucket(hash);
  while (index != kNone && entries_[index].hash != hash) index = entries_[index].next;
  return index != kNone;
}

void BandTable::unlink_bucket(Index index) {
  Index* link = &bucket(entries_[index].hash);
  while (*link != index) link = &entries_[*link].next;
  *link = entries_[index].next;
}

void BandTable::unlink_age(Index index) {
  Entry& entry = entries_[index];
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
}

void BandTable::link_newest(Index index) {
  Entry& entry = entries_[index];
  entry.newer = kNone;
  entry.older = newest_;
  (newest_ == kNone ? oldest_ : entries_[newest_].newer) = index;
  newest_ = index;
}

}  // namespace pinaflux
