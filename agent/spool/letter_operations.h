// Letter operations: what an operator does with dead letters: list, show, drop, replay (edited or not).
//
// Promise    Drop and replay do all that was named or, if one of it is not there, nothing.
// Replay     The first step reads the records; the agent puts them through mask and pipeline and commits them, and
//            in that commit the letters go (see data/replay.h); the second step says what became of them.
// Errors     not_found: no such letter, or one that holds no record to be replayed. invalid: its record does not
//            open. unsupported: no agent runs that could replay.
// Limits     limits of Operation a step. kIdsMax letters at a time; those of a replay are in memory.
// Threads    As Operation.
// Tests      tests/agent/spool/letter_operations_test.cc
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/seal/envelope.h"
#include "agent/spool/letter_report.h"
#include "agent/spool/letters.h"
#include "agent/spool/operation.h"
#include "platform/base/arena.h"

namespace pinaflux {

inline constexpr std::size_t kLetterIdsMax = 256;
enum class LetterForm { text, json };

// Opens the record that a letter holds, one at a time.
class LetterOpener {
 public:
  LetterOpener();
  // Null: there is none, or it does not open. Dies with the next call.
  Result<const Row*> open(Letters& letters, const Letter& letter);
  // Of the letter that was opened last: the rule that refused it, if its node says it.
  const std::string& why() const { return why_; }

 private:
  Opener opener_;
  Buffer body_;
  std::string why_;
  std::unique_ptr<Shapes> shapes_;
  Arena arena_;
  std::vector<Row> rows_;
};

class ListLetters : public Operation {
 public:
  explicit ListLetters(LetterForm form) : form_(form) {}
  Result<bool> step(const Access& access, Buffer& out) override;

 private:
  void begin(Buffer& out);
  void print(const LetterView& view, Buffer& out);

  LetterForm form_;
  LetterOpener opener_;
  LetterId next_ = 0;
  std::uint64_t shown_ = 0;
  bool begun_ = false;
};

class ShowLetter : public Operation {
 public:
  ShowLetter(LetterId id, LetterForm form) : id_(id), form_(form) {}
  Result<bool> step(const Access& access, Buffer& out) override;

 private:
  LetterId id_;
  LetterForm form_;
  LetterOpener opener_;
};

// The bytes that a letter holds, raw. For a root of a stopped agent's spool only: no request names it.
class ShowBytes : public Operation {
 public:
  explicit ShowBytes(LetterId id) : id_(id) {}
  Result<bool> step(const Access& access, Buffer& out) override;
  // What came; more than was shown, if its end was cut.
  std::uint64_t bytes_whole() const { return bytes_whole_; }

 private:
  LetterId id_;
  std::uint64_t bytes_whole_ = 0;
};

class DropLetters : public Operation {
 public:
  DropLetters(std::vector<LetterId> ids, LetterForm form) : ids_(std::move(ids)), form_(form) {}
  bool changes() const override { return true; }
  std::int64_t bytes_written(const Access& access) const override;
  Result<bool> step(const Access& access, Buffer& out) override;

 private:
  std::vector<LetterId> ids_;
  LetterForm form_;
};

class ReplayLetters : public Operation {
 public:
  // `edited`: the one letter's record as JSON, or its bytes, in place of what it holds; empty: as they are.
  ReplayLetters(std::vector<LetterId> ids, std::string edited, LetterForm form)
      : ids_(std::move(ids)), edited_(std::move(edited)), form_(form) {}
  ~ReplayLetters() override;
  Result<bool> step(const Access& access, Buffer& out) override;
  std::span<Replay> replays() override { return reported_ ? std::span<Replay>() : replays_; }
  // A letter of it is not in the queue now.
  bool damaged() const override;

 private:
  Result<bool> read(const Access& access);

  std::vector<LetterId> ids_;
  std::string edited_;
  LetterForm form_;
  std::vector<Replay> replays_;
  bool reported_ = false;
};

}  // namespace pinaflux
