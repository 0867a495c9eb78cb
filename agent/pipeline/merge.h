// MergeStep: the node of Merge: one record of those of several streams that have one key and one interval of time.
//
// Promise    What is held, and what waits to be given, is in the state of the same group: a crash repeats nothing and loses
//            nothing. Each record of its streams is in one record that it gives, unless it is late, or another of its stream and
//            interval took its place. What cannot be one record is given as it came.
// Order      Of a key: complete intervals at once, of the others the earliest first. All other streams: as they came.
// Limits     Merge's; kMergeStreamsMax streams. What is held of a key has at most merge_held_bytes() (key_limits.h): beyond it the earliest
//            interval is given early. A key that is forgotten gives what it holds first. kShapesMax lists of fields.
//            tick() lets at most kWaitingMax wait, and what one key has.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/merge_test.cc, merge_reference_test.cc
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/pipeline/band_table.h"
#include "agent/pipeline/column.h"
#include "agent/pipeline/step.h"
#include "agent/pipeline/waiting_records.h"

namespace pinaflux {

class MergeStep final : public Step {
 public:
  static constexpr std::size_t kShapesMax = 256;
  static constexpr std::size_t kWaitingMax = 1'024;

  // Errors: fewer than two streams, two whose last parts are the same, no name for what it gives, an interval of 0 or below, times
  // of years, no key (invalid); too many streams or keys (full).
  static Result<std::unique_ptr<Step>> make(const Merge& options, Shapes& shapes);

  // Refuses with bad_time: 9 years from what a Stamp can hold, or nearer; more than `wait` and a day ahead of the turn, where both are
  // calendar time.
  void take(const Record& record, Flow& flow) override;
  void commit() override;
  void discard() override { pending_count_ = 0; }
  void save(std::string_view prefix, std::vector<StateEdit>& to) override;
  void snapshot(std::string_view prefix, std::vector<StateEdit>& to) const override;
  void restore(Bytes value) override;

  bool gives() const override { return true; }
  void tick(Instant now) override;
  void resume(Instant now) override;
  Instant next() const override { return due_; }
  bool waits() override { return waiting_.count() > 0; }
  std::optional<Given> give(Arena& arena) override { return waiting_.give(arena); }
  void given() override { waiting_.given(); }
  std::uint64_t late() const override { return late_; }

 private:
  static constexpr std::uint64_t kGiven = 255;
  // A record that is held; or an interval that was given before those that are held.
  struct Part {
    std::int64_t interval = 0;
    std::uint64_t stream = 0;  // Its place in the options; kGiven.
    Bytes packed;
  };
  struct Pending {
    std::string key;  // Empty: it passes as it is.
    std::uint64_t hash = 0;
    std::uint64_t stream = 0;
    std::optional<Record> record;
    SourceIndex source = 0;
    Instant now;
  };

  MergeStep(const Merge& options, Shapes& shapes);
  std::size_t stream_of(const Shape& shape);
  std::string_view key_of(const Record& record);
  std::int64_t interval_of(std::int64_t time) const;
  std::int64_t closed_by(std::int64_t time) const;
  std::int64_t overdue_at(std::int64_t interval) const;

  void absorb(const Pending& pending);
  bool late(std::int64_t interval) const;
  void put(std::int64_t interval, const Pending& pending);
  bool read(const Band& band);
  bool sound(const Band& band);
  void write(Band& band);
  void encode();
  std::size_t end_of(std::size_t begin) const;
  void close();
  void give_parts(std::span<const Part> parts, bool behind);
  void give_forgotten(bool behind);
  bool merge(std::span<const Part> parts);
  bool add_fields(std::span<const Part> parts, Writer& to);
  bool knows_fields();
  const Part* first_open() const;
  bool look(Band& band, Instant now);

  Merge options_;
  std::size_t held_bytes_max_;
  std::vector<std::string> prefixes_;  // Of the fields of each stream.
  std::vector<Column> keys_;
  Shapes& shapes_;
  std::vector<std::size_t> streams_;  // By Shape::id.
  BandTable table_;
  WaitingRecords waiting_;
  std::array<char, BandTable::kKeyBytesMax> scratch_;
  std::uint64_t late_ = 0;
  Instant due_ = Instant::never();

  std::vector<Pending> pending_;  // Places are used again.
  std::size_t pending_count_ = 0;

  // Of the key that is looked at.
  std::int64_t closed_ = 0;         // Intervals up to this one take nothing more.
  std::vector<Part> parts_;         // By interval and stream, of later ones.
  Buffer packed_;                   // The record that came,
  Buffer merged_;                   // and the one that is made of several:
  std::vector<std::string> names_;  // its fields.
  Buffer encoded_;
  std::vector<std::uint64_t> foreign_;  // Bands of other options, and damaged ones, to be erased.
  std::vector<std::uint64_t> lists_;    // Of fields that were given, by their hash.
};

}  // namespace pinaflux
