// ExecdStep: the node of Execd: what a process answers of each record.
//
//   take() -> asked ... the process ... answered() -> waiting -> give()
//
// Promise    No I/O: who has the process moves text (outside.h). What is asked, and what was answered and not given, is in the state of
//            the same commit, so a crash at any point loses nothing and gives nothing twice. What is unanswered is asked again of
//            the next process, in order, whatever its command. An answer counts from answered() on.
// Order      What is given is in the order of what was asked.
// Limits     holds_back() when `in_flight_max` records, or kAskedBytes of them, are unanswered: what comes then is taken all the same, and
//            the caller sees that it is no more than a parcel. Records whose line would have more than kLineBytesMax are too_large.
//            kShapesMoreMax streams and lists of fields beside those that come.
// Ownership  Shapes must outlive it.
// Threads    Loop.
// Tests      tests/agent/pipeline/execd_test.cc, execd_crash_test.cc
#pragma once

#include <string>
#include <vector>

#include "agent/pipeline/execd_lines.h"
#include "agent/pipeline/outside.h"
#include "agent/pipeline/step.h"
#include "agent/pipeline/waiting_queue.h"

namespace pinaflux {

class ExecdStep final : public Step, private Outside {
 public:
  static constexpr std::size_t kAskedBytes = 1 << 20;
  static constexpr std::size_t kLineBytesMax = kAnswerBytesMax - 16 * 1024;  // So it may come back.
  static constexpr std::size_t kShapesMoreMax = 256;

  // Errors: no absolute path, no record or field in flight (invalid); more than may be in flight (full).
  static Result<std::unique_ptr<Step>> make(const Execd& options, Shapes& shapes);

  void take(const Record& record, Flow& flow) override;
  void commit() override;
  void discard() override { pending_.clear(); }
  std::string failure() const override { return refusal_; }
  void save(std::string_view prefix, std::vector<StateEdit>& to) override;
  void snapshot(std::string_view prefix, std::vector<StateEdit>& to) const override;
  void restore(Bytes value) override;
  bool gives() const override { return true; }
  bool waits() override { return waiting_.count() > 0; }
  std::optional<Given> give(Arena& arena) override;
  void given() override { waiting_.given(); }
  Outside* outside() override { return this; }

  // The packed record in an entry of its state; of another entry, all of it.
  static Bytes held_in(Bytes entry);

 private:
  struct Pending {
    Record record;
    SourceIndex source;
  };
  ExecdStep(const Execd& options, Shapes& shapes);

  const Execd& options() const override { return options_; }
  void began() override;
  void failed(std::string_view why) override;
  void refuse_all(std::string_view why) override;
  Bytes unwritten() override;
  void wrote(std::size_t bytes) override { written_ += bytes; }
  const char* answered(Bytes bytes) override;
  std::size_t unanswered() const override { return asked_.count(); }
  std::size_t asked() const override { return sent_; }
  std::uint64_t answers() const override { return answers_; }
  bool holds_back() const override;

  const char* answer(std::string_view line);
  Bytes oldest() { return record_of(asked_.front()); }
  static Bytes record_of(Bytes entry);
  // What came of the oldest waits to be given; it is asked no more.
  void wait_record(Bytes packed);
  void wait_refusal(std::string_view why);
  void close_oldest();
  bool shapes_allow(Bytes packed);

  const Execd options_;
  Shapes& shapes_;
  ExecdAnswer reading_;
  std::vector<Pending> pending_;
  WaitingQueue asked_;    // Unanswered,
  WaitingQueue waiting_;  // and to be given.
  std::size_t asked_bytes_ = 0;
  std::uint64_t oldest_id_ = 1;  // Of the first of asked_, in its line; the next ones follow.
  std::size_t sent_ = 0;         // Of asked_, whose lines this process has, or begins to have.
  std::string lines_;            // Of them, what it does not have yet: from written_ on.
  std::size_t written_ = 0;
  std::string line_;                          // That it has begun to answer.
  std::uint64_t answers_ = 0, failures_ = 0;  // Failures in a row of the oldest record.
  std::string refusal_;                       // Of what give() gave last.
  std::vector<std::uint64_t>
      shapes_more_;  // Streams and lists of fields that were given, by their hash.
  Buffer packed_;
};

}  // namespace pinaflux
