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

#include <span>
#include <string>
#include <vector>

#include "agent/pipeline/holding_step.h"

namespace pinaflux {

class MergeStep final : public HoldingStep {
 public:
  static constexpr std::size_t kShapesMax = 256;

  // Errors: fewer than two streams, two whose last parts are the same, no name for what it gives, an interval of 0 or below, times
  // of years, no key (invalid); too many streams or keys (full).
  static Result<std::unique_ptr<Step>> make(const Merge& options, Shapes& shapes);

  // Refuses with bad_time: 9 years from what a Stamp can hold, or nearer; more than `wait` and a day ahead of the turn, where both are
  // calendar time.
  void take(const Record& record, Flow& flow) override;
  void tick(Instant now) override;
  std::uint64_t late() const override { return late_; }

 private:
  static constexpr std::uint64_t kGiven = 255;
  // A record that is held; or an interval that was given before those that are held.
  struct Part {
    std::int64_t interval = 0;
    std::uint64_t stream = 0;  // Its place in the options; kGiven.
    Bytes packed;
  };
  MergeStep(const Merge& options, Shapes& shapes);
  std::size_t stream_of(const Shape& shape);
  std::string_view merge_key_of(const Record& record);
  std::int64_t interval_of(std::int64_t time) const;
  std::int64_t closed_by(std::int64_t time) const;
  std::int64_t overdue_at(std::int64_t interval) const;

  void absorb(const Pending& pending) override;
  bool restore_band(const BandTable::Stored& stored, Bytes value) override;
  bool late(std::int64_t interval) const;
  void put(const Part& part);
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
  std::vector<std::size_t> streams_;   // By Shape::id.
  std::uint64_t late_ = 0;

  // Of the key that is looked at.
  std::int64_t closed_ = 0;         // Intervals up to this one take nothing more.
  std::vector<Part> parts_;         // By interval and stream, of later ones.
  Buffer merged_;                   // The record that is made of several:
  std::vector<std::string> names_;  // its fields.
  Buffer encoded_;
  std::vector<std::uint64_t> lists_;  // Of fields that were given, by their hash.
};

}  // namespace pinaflux
