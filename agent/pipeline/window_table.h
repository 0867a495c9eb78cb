// WindowTable: the keys of a window node, the panes of each, and what of both changed since it was last saved.
//
// A pane is the smallest piece that windows are put together from: one of `every`, or a session.
//
// Limits     Slots below kSlotsMax; memory grows with the keys and panes that were ever there at once, and is used
//            again: nothing from the heap after that.
// Ownership  References to keys and panes are valid until the next put() or add().
// Threads    Loop.
// Tests      tests/agent/pipeline/window_test.cc
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/data/intake.h"
#include "agent/pipeline/statistics.h"
#include "platform/base/time.h"

namespace pinaflux {

struct WindowTable {
  using Index = std::uint32_t;
  static constexpr Index kNone = ~Index{0};
  static constexpr std::size_t kSlotsMax = 65'536 + limits::kIntakeRecordsMax;
  static constexpr std::int64_t kNever = INT64_MIN;

  struct Pane {
    std::int64_t start = 0;  // Of the pane; the first record of a session.
    std::int64_t last = 0;   // The last record.
    std::uint64_t records = 0;
    Index older = kNone, newer = kNone;  // Of the key, by start.
    Index key = kNone;                   // kNone: not in use.
    std::uint64_t id = 0;                // Names its saved state; never used again. From 1.
    std::int64_t amend =
        kNever;  // The window that ends there is to be given again, and those behind it.

   private:
    friend struct WindowTable;
    bool changed = false, stored = false;  // As those of a key.
  };

  struct Key {
    std::string bytes;  // Stream, boot, values of `by`: node_key.h.
    std::uint64_t hash = 0;
    const Shape* shape = nullptr;        // Of what it gives.
    SourceIndex source = 0;              // Of the last record.
    std::int64_t event = 0;              // The highest event time.
    std::int64_t watermark = kNever;     // What ends here or before is closed.
    std::int64_t emitted = kNever;       // Windows that end here or before were given.
    std::uint64_t revision = 0;          // So often a window was given again.
    Instant arrival = Instant::never();  // Of the last record; never(): before this start.
    // Of each field, the last value of panes that are gone; NaN: none. Empty where no time-weighted mean is given.
    std::vector<double> held;
    Index oldest = kNone, newest = kNone;  // Panes.
    bool used = false;
    bool closing = false;  // It has no place any more: all it has is given.
    bool ready = false;    // In a list of keys that have something to give.
    bool hidden = false;   // find() does not find it.

   private:
    friend struct WindowTable;
    Index next = kNone;  // In its bucket.
    Index more_recent = kNone, less_recent = kNone;
    bool listed = false;   // By age.
    bool changed = false;  // Since the last save.
    bool stored = false;   // The committed state has something of this slot.
  };

  WindowTable(std::size_t fields, std::size_t keys_max);

  // kNone if there is none.
  Index find(std::string_view bytes, std::uint64_t hash) const;
  // A new key, nothing known of it but its name. kNone: no slot is left.
  Index put(std::string_view bytes, std::uint64_t hash);
  // The same at a slot of a saved state; false if that is taken, or the key is there already (and this one not hidden).
  bool put_at(Index slot, std::string_view bytes, std::uint64_t hash, bool hidden);
  // Another key may have its name.
  void hide(Index key);
  // Something is stored of a slot that nobody uses: it is to be erased.
  void give_up(Index slot);
  void remove(Index key);  // Without panes.
  bool has_room(std::size_t keys) const { return used_ + keys <= kSlotsMax; }
  Key& operator[](Index key) { return keys_[key]; }
  const Key& operator[](Index key) const { return keys_[key]; }
  Index slots() const { return static_cast<Index>(keys_.size()); }

  // By age: of those that were touched, and not set aside.
  void touch(Index key);
  void set_aside(Index key);
  Index least_recent() const { return oldest_; }
  std::size_t listed() const { return listed_; }

  // A pane without records, behind `older` (kNone: before all).
  Index add(Index key, Index older, std::int64_t start);
  // The same, of a saved state.
  Index add_stored(Index key, Index older, std::int64_t start, std::uint64_t id);
  void remove_pane(Index key, Index pane);
  // Something is stored of a pane that nobody uses: it is to be erased.
  void give_up_pane(std::uint64_t id);
  Index panes() const { return static_cast<Index>(panes_.size()); }
  Pane& pane(Index index) { return panes_[index]; }
  const Pane& pane(Index index) const { return panes_[index]; }
  std::span<Accumulator> fields(Index pane) { return {cells_.data() + pane * fields_, fields_}; }
  std::span<const Accumulator> fields(Index pane) const {
    return {cells_.data() + pane * fields_, fields_};
  }

  void change(Index key);
  void change_pane(Index pane);
  // Each slot that changed since the last call; not used any more: it is to be erased.
  template <class Visit>
  void take_changed(const Visit& visit) {
    for (const Index slot : changed_) {
      Key& key = keys_[slot];
      key.changed = false;
      if (key.used || key.stored) visit(slot);
      key.stored = key.used;
    }
    changed_.clear();
  }
  // The same of panes; `gone` gets the ids of those that are to be erased.
  template <class Visit, class Gone>
  void take_changed_panes(const Visit& visit, const Gone& gone) {
    for (const std::uint64_t id : gone_) gone(id);
    gone_.clear();
    for (const Index at : changed_panes_) {
      Pane& pane = panes_[at];
      pane.changed = false;
      if (pane.key == kNone) continue;
      visit(at);
      pane.stored = true;
    }
    changed_panes_.clear();
  }
  void restored(Index key) { keys_[key].stored = true; }

 private:
  Index& bucket(std::uint64_t hash) { return buckets_[hash & (buckets_.size() - 1)]; }
  void begin(Index slot, std::string_view bytes, std::uint64_t hash);
  void reach(Index slot);
  void unlink(Index key);

  std::size_t fields_;
  std::vector<Key> keys_;
  std::vector<Index> free_;  // Slots, some of them in use again.
  std::vector<Index> buckets_;
  Index newest_ = kNone, oldest_ = kNone;
  std::size_t listed_ = 0, used_ = 0;
  std::vector<Index> changed_;
  std::vector<Pane> panes_;
  std::vector<Accumulator> cells_;  // fields_ of each pane.
  Index free_pane_ = kNone;         // By `newer`.
  std::uint64_t next_id_ = 1;
  std::vector<Index> changed_panes_;
  std::vector<std::uint64_t> gone_;  // Stored panes that are no more.
};

}  // namespace pinaflux
