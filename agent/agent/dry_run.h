// DryRun: records through a configuration's mask and pipeline, and what each node and each lane gets of them.
//
// Promise    Runs Masker and Pipeline as the agent does, from empty states; stores and sends nothing. What it shows was masked; of a
//            record that the mask refuses nothing is shown. Processes of execd nodes are asked, one record after the other: one that
//            ends, or is ended, has the record refused, and the next one has another process.
// Ownership  Configuration, Vault and what Host names must outlive it. What is shown lives as long as the call.
// Threads    One owner.
// Tests      tests/agent/agent/rehearsal_test.cc, tests/agent/cli/run_once_test.cc
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "agent/agent/companions.h"
#include "agent/config/load.h"
#include "agent/mask/masker.h"
#include "agent/pipeline/pipeline.h"
#include "agent/vault/vault.h"

namespace pinaflux {

class DryRun {
 public:
  struct Output {
    enum class By : std::uint8_t { source, node, lane, refusal };
    By by = By::source;
    std::string_view
        name;  // Of the source, the node, the lane; of the node that refused, empty: none did.
    NodePort port = NodePort::main;
    const Record* record = nullptr;  // Of a refusal none.
    Reason reason = Reason::malformed;
    std::string_view why = {};  // Of a refusal, if the node says it.
  };
  using Show = std::function<void(const Output&)>;
  // What moves the clock. Records: it stands at the first one's own time and goes on with those of the others, never back, so
  // silence, limits and windows are as they would have been; a record without one has the time of `begin`. Else only set() and wait().
  enum class ClockBy : std::uint8_t { records, caller };

  // Errors: a mask or a pipeline that cannot be made.
  static Result<std::unique_ptr<DryRun>> make(const Configuration& configuration,
                                              const Vault& vault, const Companions::Host& host,
                                              ClockBy by, WallTime begin, Show show);

  Shapes& shapes() { return shapes_; }
  void set(WallTime clock) { clock_ = clock; }
  WallTime clock() const { return clock_; }
  // Silence, and what it closes.
  void wait(Duration silence);
  void give(SourceIndex source, const RawRecord& record);
  // Silence, long enough for all that nodes still hold.
  void finish();

 private:
  DryRun(const Configuration& configuration, const Companions::Host& host, ClockBy by,
         WallTime begin, Show show)
      : configuration_(configuration),
        host_(host),
        by_(by),
        show_(std::move(show)),
        clock_(begin) {}
  void go_to(Stamp time);
  bool drain();
  void drain_some();
  bool ask();
  bool refuse_failed();
  bool unanswered() const;
  void refused(Reason reason, std::string_view node);
  Moment moment() const { return {now_, Stamp::wall(clock_)}; }

  const Configuration& configuration_;
  const Companions::Host host_;
  const ClockBy by_;
  const Show show_;
  Shapes shapes_;
  std::unique_ptr<Masker> masker_;
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<Companions> companions_;  // Of pipeline_, from when one is asked.
  Group group_;
  Instant now_;
  WallTime clock_;
  bool started_ = false;  // By a record with a time.
  bool drained_ = true;
};

}  // namespace pinaflux
