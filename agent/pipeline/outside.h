// Outside: what a node of the pipeline asks of a process, and what becomes of its answers: text alone, without I/O.
//
// Promise    What is unanswered is asked again, in its order, of each process that began() after one that failed().
// Order      began(), then unwritten() and wrote() as the process takes it, and answered() as it speaks, until it is gone. Between
//            walks of the Pipeline.
// Limits     answered() keeps one line of kAnswerBytesMax; unwritten() makes kQuestionBytes at a time, and one line more.
// Ownership  The Pipeline owns it.
// Threads    Loop.
// Tests      tests/agent/pipeline/execd_test.cc, tests/agent/agent/companions_test.cc
#pragma once

#include <cstddef>
#include <string_view>

#include "agent/pipeline/node_kinds.h"
#include "platform/base/bytes.h"

namespace pinaflux {

class Outside {
 public:
  static constexpr std::size_t kAnswerBytesMax = 1 << 20;
  static constexpr std::size_t kQuestionBytes = 64 << 10;

  virtual const Execd& options() const = 0;
  // A process began, which has been asked nothing.
  virtual void began() = 0;
  // It ended of its own accord, or had to be ended, and why: that counts against the oldest record that it was asked.
  virtual void failed(std::string_view why) = 0;
  // There is no process, and none will come: all that is unanswered is refused, with this reason.
  virtual void refuse_all(std::string_view why) = 0;
  // What it is to be asked next, from the first byte that it does not have; until the next call. Empty: nothing.
  virtual Bytes unwritten() = 0;
  virtual void wrote(std::size_t bytes) = 0;
  // It said this. Why that is no answer, and the process is to be ended; null: all is well.
  virtual const char* answered(Bytes bytes) = 0;

  virtual std::size_t unanswered() const = 0;  // Records, asked or not.
  virtual std::size_t asked() const = 0;       // Of them, of this process.
  virtual std::uint64_t answers() const = 0;   // Since the start.
  virtual bool holds_back() const = 0;         // So many are unanswered that no more may come.

 protected:
  ~Outside() = default;
};

}  // namespace pinaflux
