// AlertStep: the node of Alert: a condition that lasts becomes a record, and so does its end.
//
// Promise    What is given follows from the times and values of the records: `when` held from a record's time until the next
//            says otherwise, so it makes no difference whether that one came or silence was reckoned first. Of each
//            episode one record raises and one clears; a crash loses and repeats none, for what waits to be given is in the
//            state of the same group.
// Limits     A record of more than alert_held_bytes() gives its fields of `by` alone. One whose key is too long, or whose
//            fields of `by` are too large, changes nothing. tick() lets at most kWaitingMax wait.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/alert_test.cc
#pragma once

#include <optional>
#include <string>

#include "agent/pipeline/added_fields.h"
#include "agent/pipeline/expression.h"
#include "agent/pipeline/holding_step.h"

namespace pinaflux {

class AlertStep final : public HoldingStep {
 public:
  // Errors: a text is no expression, a time is below 0, no key (invalid); too many keys (full).
  static Result<std::unique_ptr<Step>> make(const Alert& options, Shapes& shapes);

  void take(const Record& record, Flow& flow) override;
  void tick(Instant now) override;
  std::optional<Given> give(Arena& arena) override;

 private:
  enum class Phase : std::uint8_t { quiet, pending, raised };
  enum class State : std::uint8_t { raised, repeated, cleared };
  // What a record says of its key.
  enum class Says : std::uint8_t { nothing, holds, between, over };
  // What is known of a key, beside the time of its newest record, which is the Band's.
  struct Alarm {
    Phase phase = Phase::quiet;
    Stamp since;            // When the condition began.
    std::int64_t said = 0;  // Raised: the time of what was given last, of the newest record's boot.
    Bytes held;             // The last record for which it held, packed; in the Band's text.
  };
  AlertStep(const Alert& options, Expression when, std::optional<Expression> clear, Shapes& shapes);
  static std::optional<Alarm> alarm_of(std::string_view text);
  void write(const Alarm& alarm, Band& band);
  Says says(const Record& record, Phase phase);
  bool pack(const Record& record, SourceIndex source);
  void absorb(const Pending& pending) override;
  bool restore_band(const BandTable::Stored& stored, Bytes value) override;
  bool is_sound(Bytes entry) const override;
  void apply(Says says, Stamp time, Alarm& alarm);
  void pass(Alarm& alarm, Stamp until);
  std::optional<std::int64_t> due_of(const Alarm& alarm) const;
  void expect(const Alarm& alarm, const Band& band, Instant not_before);
  void say(State state, const Alarm& alarm, Stamp time, Bytes packed);

  Expression when_;
  std::optional<Expression> clear_;
  Duration lasting_, repeat_;
  bool has_stream_;
  std::size_t held_bytes_max_;
  AddedFields added_;
  Buffer entry_;      // What is to be given.
  Buffer head_;       // Of the Band that is written;
  std::string text_;  // its text.
};

}  // namespace pinaflux
