// DryRun: records through a configuration's mask and pipeline, and what each node and each lane gets of them.
//
// Promise    Runs Masker and Pipeline as the agent does, from empty states; stores and sends nothing. What it shows was masked; of a
//            record that the mask refuses nothing is shown.
// Time       The clock stands at the first record's own time and goes on with those of the others, never back: silence, limits and windows are as
//            they would have been. A record without one has that of the run's begin.
// Ownership  The Configuration must outlive it. What is shown lives as long as the call.
// Threads    One owner.
// Tests      tests/agent/cli/run_once_test.cc
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

  // Errors: keys that cannot be read (`which` names one), a mask or a pipeline that cannot be made.
  static Result<std::unique_ptr<DryRun>> make(const Configuration& configuration, Files& files,
                                              Stamp begin, Show show, std::string& which);

  Shapes& shapes() { return shapes_; }
  void give(SourceIndex source, const RawRecord& record);
  // Silence, long enough for all that nodes still hold.
  void finish();

 private:
  DryRun(const Configuration& configuration, Stamp begin, Show show)
      : configuration_(configuration), begin_(begin), show_(std::move(show)) {}
  void go_to(Stamp time);
  bool drain();
  void refused(Reason reason, std::string_view node);

  const Configuration& configuration_;
  const Stamp begin_;
  const Show show_;
  Shapes shapes_;
  Vault vault_;
  std::unique_ptr<Masker> masker_;
  std::unique_ptr<Pipeline> pipeline_;
  Group group_;
  Instant now_;
  std::optional<std::int64_t> clock_;  // None before the first record.
};

}  // namespace pinaflux
