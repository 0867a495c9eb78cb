// BandTable: the last kept value and time per key: a bounded table that forgets the least recently used,
// and knows what changed since it was last saved.
//
// Limits     `keys_max` entries; keys up to kKeyBytesMax, texts up to kTextBytesMax. No heap once full.
// Ownership  Copies what it is given.
// Threads    Loop.
// Tests      tests/agent/pipeline/band_table_test.cc
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/data/record.h"
#include "platform/base/bytes.h"
#include "platform/base/time.h"

namespace pinaflux {

// The same on every machine: it is part of what is stored.
std::uint64_t stable_hash(std::string_view bytes);

struct Band {
  Type type = Type::null;
  bool restored = false;               // It was kept before this start.
  std::uint64_t bits = 0;              // Of numbers and booleans.
  std::string text;                    // Of text and bytes.
  Stamp time;                          // Of the last kept record.
  Instant arrival = Instant::never();  // When it was kept; never(): before this start.
  std::int64_t newest = INT64_MIN;     // Time of the newest that was dropped since; not stored.
};

class BandTable {
 public:
  static constexpr std::size_t kKeyBytesMax = 1'024;
  static constexpr std::size_t kTextBytesMax = 64;

  // `signature` stands for the node's options: a state saved under another one is not restored.
  BandTable(std::size_t keys_max, std::uint64_t signature,
            std::size_t text_bytes_max = kTextBytesMax);

  // The entry, now the most recently used; nullptr if there is none. Valid until the next put().
  Band* find(std::string_view key, std::uint64_t hash);
  // The entry of the key, made if missing, for the caller to fill: it counts as changed.
  Band& put(std::string_view key, std::uint64_t hash);
  std::size_t count() const { return entries_.size(); }
  // What the next new key makes it forget; nullptr: there is room.
  const Band* forgotten_next() const;
  // Shows all, least recently used first. What `changes` says true of counts as changed.
  void visit(const std::function<bool(Band&)>& changes);

  // The hash that names an entry, and its value; empty: forgotten.
  using Edit = std::function<void(std::uint64_t hash, Buffer value)>;
  // What changed since the last call.
  void save(const Edit& edit);
  // Everything, least recently used first.
  void snapshot(const Edit& edit) const;
  // What a value says; its key views it. Nothing: it is damaged, or of another version.
  struct Stored {
    std::uint64_t signature = 0;
    std::string_view key;
    Band band;
  };
  static std::optional<Stored> decode(Bytes value);
  // False: of another signature, or too large.
  bool takes(const Stored& stored) const;
  // Before the first put(). False for a value that is not taken.
  bool restore(Bytes value);

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = ~Index{0};
  struct Entry {
    std::uint64_t hash = 0;
    std::string key;
    Band band;
    Index next = kNone;  // In its bucket.
    Index newer = kNone, older = kNone;
    bool changed = false;
    bool stored = false;  // The last save, or the restore, left it in the committed state.
  };

  Index& bucket(std::uint64_t hash) { return buckets_[hash & (buckets_.size() - 1)]; }
  Index index_of(std::string_view key, std::uint64_t hash);
  Index take();
  void change(Index index);
  bool has(std::uint64_t hash);
  void unlink_bucket(Index index);
  void unlink_age(Index index);
  void link_newest(Index index);
  Buffer encode(const Entry& entry) const;

  std::size_t keys_max_, text_bytes_max_;
  std::uint64_t signature_;
  std::vector<Entry> entries_;
  std::vector<Index> buckets_;
  Index newest_ = kNone, oldest_ = kNone;
  std::vector<Index> changed_;
  std::vector<std::uint64_t> forgotten_;
};

}  // namespace pinaflux
