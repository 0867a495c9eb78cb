// BandStep: a node that remembers a little of each key: what it has learned in a walk counts from commit() on.
//
// Limits     `keys_max` keys, the least recently used is forgotten; a key that is too long is not remembered.
// Ownership  Copies what it is given.
// Threads    Loop.
// Tests      tests/agent/pipeline/deadband_test.cc
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/pipeline/band_table.h"
#include "agent/pipeline/column.h"
#include "agent/pipeline/node_key.h"
#include "agent/pipeline/step.h"

namespace pinaflux {

// Of a node's options: under other ones, what was stored means something else. `text` is a field's name, or '\1' and a kind.
std::uint64_t band_signature(std::string_view text, std::span<const std::string> keys);
std::uint64_t distance(std::int64_t a, std::int64_t b);
// A record of this time is not the newest of its key: its time is before, or of a boot that is neither the newest one's
// nor the turn's. Unless the clock was set back: the record is of the turn's time, give or take 5 minutes, and the newest
// is 10 minutes or more ahead of that.
bool came_late(Stamp time, Stamp newest, Stamp turn);
// Either clock says so: the record's time is `silence_max` or more from the time of the last one that was kept, or that one
// arrived so long ago. Times of different boots cannot be compared; an arrival that is not known, before this start, is as if
// it were long ago for them. 0: never.
bool silent_too_long(Stamp kept, Instant arrival, Stamp time, Instant now, Duration silence_max);
// Numbers that are no further apart than `within`, or than this share of the last one: the wider counts; with neither they are
// the same number. Of all else, what is identical.
bool is_near(const Value& last, const Value& value, double within, double share);
// The name of a key's state: 16 hex digits behind the prefix.
std::string band_edit_key(std::string_view prefix, std::uint64_t hash);

class BandStep : public Step {
 public:
  void commit() override;
  void discard() override { pending_count_ = 0; }
  void save(std::string_view prefix, std::vector<StateEdit>& to) override;
  void snapshot(std::string_view prefix, std::vector<StateEdit>& to) const override;
  void restore(Bytes value) override { (void)table_.restore(value); }

 protected:
  BandStep(std::span<const std::string> keys, std::size_t keys_max, std::uint64_t signature,
           std::size_t text_bytes_max = BandTable::kTextBytesMax);

  struct Key {
    std::string_view bytes;  // Until the next key_of().
    std::uint64_t hash = 0;
    bool too_long() const { return bytes.empty(); }
  };
  // The record's stream, its key fields, and `more`.
  Key key_of(const Record& record, std::string_view more = {});
  bool has_key_field(const Record& record);
  // What is known of the key by now, in this walk too; nullptr: nothing. Until the next remember().
  Band* last(const Key& key);
  // For the caller to fill, all of it.
  Band& remember(const Key& key);

 private:
  struct Pending {
    std::string key;
    std::uint64_t hash = 0;
    Band band;
  };

  std::vector<Column> keys_;
  BandTable table_;
  std::array<char, BandTable::kKeyBytesMax> scratch_;
  std::vector<Pending> pending_;  // Places are used again.
  std::size_t pending_count_ = 0;
};

}  // namespace pinaflux
