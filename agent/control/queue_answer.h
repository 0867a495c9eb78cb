// Queue answer: how a running agent answers a queue request: step by step, each when the client has taken what
// the one before gave.
//
// Protocol   piece DONE TOTAL BYTES     then that many bytes; progress as counted by the operation
//            end ok|damaged             nothing follows
//            error CODE TEXT            instead of `end`; a Code's name, and what to do
// Limits     The bytes of one step, and what the stream queues.
// Ownership  Stream and `work` must outlive it; it must not be destroyed while stepping().
// Threads    Loop; the operation's step runs on the storage worker.
// Tests      tests/agent/control/control_test.cc
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/spool/operation.h"
#include "platform/network.h"

namespace pinaflux {

// Runs one step on the storage worker, then `done` on the loop. False: the agent is restarting.
using RunStep =
    std::function<bool(Operation& operation, Buffer& out, std::function<void(Result<bool>)> done)>;

class QueueAnswer {
 public:
  // Null operation: the request was not understood.
  QueueAnswer(std::unique_ptr<Operation> operation, Stream& stream, const RunStep& work);

  void start();
  void drained();
  // The client has gone: nothing is written any more. `freed` runs once no step is on its way.
  void leave(std::function<void()> freed);
  bool stepping() const { return stepping_; }

 private:
  void step();
  void stepped(Result<bool> more);
  void fail_with(const Error& error);
  void frame(std::string_view line, Bytes bytes);
  void pump();

  std::unique_ptr<Operation> operation_;
  Stream* stream_;
  const RunStep& work_;
  Buffer made_;     // By the step that runs.
  Buffer waiting_;  // Framed, not yet taken by the stream.
  std::size_t taken_ = 0;
  bool stepping_ = false;
  bool ended_ = false;
  std::function<void()> freed_;
};

// The same from the other side: feeds on bytes, gives pieces.
class AnswerReader {
 public:
  struct Piece {
    Operation::Progress progress;
    Bytes bytes;  // Dies with the call.
  };
  explicit AnswerReader(std::function<Status(const Piece&)> take) : take_(std::move(take)) {}

  // Errors: the agent's own, those of `take`, and invalid (this is no answer to a queue request).
  // True: the end.
  Result<bool> feed(Bytes bytes);
  bool damaged() const { return damaged_; }
  // The agent's words, when feed() failed with its error.
  const std::string& text() const { return text_; }

 private:
  Result<bool> take_line(std::string_view line);

  std::function<Status(const Piece&)> take_;
  Buffer pending_;
  Operation::Progress progress_;
  std::size_t body_ = 0;  // Bytes of the piece that is being read.
  bool in_body_ = false;
  bool damaged_ = false;
  std::string text_;
};

}  // namespace pinaflux
