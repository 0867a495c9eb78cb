// WindowStep: the node of TimeWindow: panes per key fill, close, and are given as one record per window.
//
// Promise    What a record adds, and what a window gives, is in the state of the same group: a crash repeats nothing
//            and loses nothing. Records within the lateness may come in any order: the output is the same. With `amend_for` that
//            is so of the last revision of each window, of records within both.
// Order      Windows of a key by their end; keys in the order in which they had something to give.
// Limits     TimeWindow's; beside the open panes those that a parcel closed wait to be given.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/window_test.cc, window_state_test.cc, window_reference_test.cc, window_amend_test.cc
#pragma once

#include <array>
#include <string>
#include <vector>

#include "agent/pipeline/column.h"
#include "agent/pipeline/node_key.h"
#include "agent/pipeline/step.h"
#include "agent/pipeline/window_bytes.h"
#include "agent/pipeline/window_table.h"

namespace pinaflux {

class WindowStep final : public Step {
 public:
  // Errors: a length that is no multiple of `every`, neither `every` nor `gap` or both, an unknown statistic, two
  // fields of the same name, no field where a statistic wants one (invalid); TimeWindow's limits (full).
  static Result<std::unique_ptr<Step>> make(const TimeWindow& options, Shapes& shapes);

  // Refuses with shapes_exhausted; node_failed: a key that is too long; bad_time: 9 years from what a Stamp can
  // hold, or nearer; more than the lateness and a day ahead of the turn, where both are calendar time.
  void take(const Record& record, Flow& flow) override;
  void commit() override;
  void discard() override;
  void save(std::string_view prefix, std::vector<StateEdit>& to) override;
  void snapshot(std::string_view prefix, std::vector<StateEdit>& to) const override;
  void restore(Bytes value) override;

  void tick(Instant now) override;
  void resume(Instant now) override;
  bool gives() const override { return true; }
  Instant next() const override { return due_; }
  bool waits() override;
  std::optional<Given> give(Arena& arena) override;
  void given() override;
  std::uint64_t late() const override { return late_; }
  std::uint64_t revisions() const override { return revisions_; }

 private:
  using Index = WindowTable::Index;
  using Key = WindowTable::Key;
  using Pane = WindowTable::Pane;
  struct Pending {
    std::string key;
    std::uint64_t hash = 0;
    std::optional<Record> record;
    std::int64_t time = 0;
    const Shape* shape = nullptr;
    SourceIndex source = 0;
    Instant now;
  };

  WindowStep(const TimeWindow& options, std::vector<Statistic> give, Shapes& shapes);
  const Shape* shape_of(const Shape& input);
  const Shape* shape_for(std::string_view stream);
  std::string_view key_of(const Record& record, std::uint64_t boot);
  std::int64_t off_max() const;
  bool session() const { return options_.gap.ns > 0; }
  bool amends() const { return options_.amend_for.ns > 0; }
  bool late(const Key& key, std::int64_t time) const;

  void absorb(const Pending& pending);
  Index key_for(const Pending& pending);
  Index begin_anew(Index key, const Pending& pending);
  void evict();
  void close(Index key);
  void forget(Index key);
  Index pane_for(Index key, std::int64_t time);
  Index session_for(Index key, std::int64_t time);
  Index fixed_pane_for(Index key, std::int64_t time);
  void join(Index key, Index pane, Index next);

  Index first_to_come(const Key& key) const;
  std::int64_t earliest_end(const Key& key) const;
  std::int64_t open_end(const Key& key) const;
  std::int64_t next_change(const Key& key) const;
  bool due(const Key& key) const;
  Instant silent_until(const Key& key) const;
  void make_ready(Index key);
  void next_ready();
  void fill(const Key& key, std::int64_t end);
  // Of windows that were given: window_amend.cc.
  std::int64_t kept_end(const Key& key) const;
  std::int64_t amended_end(const Key& key) const;
  void amend(const Key& key, Index pane);
  void amended(Index key, std::int64_t end);
  void drop_given(Index key);
  struct Times {
    std::int64_t begin, end;
  };
  Value time_mean(const Key& key, std::size_t field, Times times) const;
  void write(const Key& key, Times times, std::span<Value> cells, Arena& arena, bool& fits) const;
  void drop_oldest(Index key);

  StateEdit edit_of(std::string_view prefix, Index key) const;
  StateEdit edit_of_pane(std::string_view prefix, Index pane) const;
  bool restore_key(Reader& from, Index slot);
  bool decode_key(Reader& from, Key& key) const;
  void give_up_pane(Bytes value, std::uint64_t id);
  bool restore_pane(Reader& from, std::uint64_t id, Index slot);
  bool restore_amend(Reader& from, const Key& key, Pane& pane) const;

  TimeWindow options_;
  std::vector<Statistic> give_;  // Without count.
  bool counts_ = false;
  Needs needs_;
  std::uint64_t signature_;
  Shapes& shapes_;
  std::vector<std::string> names_;  // Of the fields that it gives.
  std::vector<Column> of_, keys_;
  std::vector<const Shape*> by_shape_;  // What it gives, by Shape::id of the input.
  WindowTable table_;
  std::array<char, KeyWriter::kBytesMax> scratch_;

  std::vector<Pending> pending_;  // Places are used again.
  std::size_t pending_count_ = 0;
  std::uint64_t pending_late_ = 0, late_ = 0, revisions_ = 0;

  std::vector<Index> ready_;
  std::size_t ready_begin_ = 0;
  Instant due_ = Instant::never();  // No key is due by silence before.

  // Of the window that is being given.
  std::vector<Accumulator> merged_;
  std::uint64_t merged_records_ = 0;
};

}  // namespace pinaflux
