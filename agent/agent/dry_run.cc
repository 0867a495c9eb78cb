#include "agent/agent/dry_run.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "agent/pipeline/outside.h"
#include "platform/base/text.h"

namespace pinaflux {

namespace {

// Above what any node waits for (366 days, and as long for what is late).
constexpr Duration kSilence = Duration::days(800);
constexpr std::size_t kRoundsMax = 16;  // Of nodes that hold what nodes before them held.

}  // namespace

Result<std::unique_ptr<DryRun>> DryRun::make(const Configuration& configuration, const Vault& vault,
                                             const Companions::Host& host, ClockBy by,
                                             WallTime begin, Show show) {
  std::unique_ptr<DryRun> run(new DryRun(configuration, host, by, begin, std::move(show)));
  auto masker = Masker::make(configuration.mask, run->shapes_, vault);
  if (!masker) return std::unexpected(masker.error());
  run->masker_ = std::move(*masker);
  auto pipeline = Pipeline::make(configuration.pipeline, run->shapes_);
  if (!pipeline) return std::unexpected(pipeline.error());
  run->pipeline_ = std::move(*pipeline);
  const Show& shown = run->show_;
  run->pipeline_->watch([&shown](std::string_view node, NodePort port, const Record& record) {
    shown({.by = Output::By::node, .name = node, .port = port, .record = &record});
  });
  const auto& lanes = configuration.pipeline.lanes;
  run->pipeline_->tap([&shown, &lanes](LaneIndex lane, const Record& record) {
    shown({.by = Output::By::lane, .name = lanes[lane].name, .record = &record});
  });
  return run;
}

void DryRun::wait(Duration silence) {
  now_ = now_ + silence;
  clock_ = clock_ + silence;
  drain();
}

void DryRun::give(SourceIndex source, const RawRecord& record) {
  const auto masked = masker_->mask(record, group_.arena);
  if (masked.verdict == Masker::Verdict::kept) {
    if (by_ == ClockBy::records) go_to(masked.record->time());
    show_({.by = Output::By::source,
           .name = configuration_.pipeline.sources[source],
           .record = &*masked.record});
    const auto outcome = pipeline_->process(source, *masked.record, moment(), group_);
    if (outcome.verdict != Pipeline::Verdict::taken) refused(outcome.reason, outcome.node);
  } else {
    refused(masked.reason, {});
  }
  drain();
}

// Silence until then closes what it closes. The record is in the group's arena, which is not reset before it is through: what has no
// room comes behind it.
void DryRun::go_to(Stamp time) {
  if (time.boot != 0) return;
  if (!std::exchange(started_, true)) clock_ = {time.ns};
  if (time.ns <= clock_.ns) return;
  now_ = now_ + Duration{time.ns - clock_.ns};
  clock_ = {time.ns};
  drain_some();
}

void DryRun::drain_some() {
  do {
    std::vector<Pipeline::Refused> refusals;
    drained_ = pipeline_->drain(moment(), group_, refusals);
    for (const auto& r : refusals) refused(r.reason, r.node);
  } while (ask());
}

// Whether processes were asked something. Until all is answered or refused.
bool DryRun::ask() {
  if (!unanswered()) return false;
  while (unanswered()) {
    if (!companions_) companions_ = std::make_unique<Companions>(*pipeline_, host_);
    companions_->turn();
    bool failed = false;
    host_.loop.run([&] {
      failed = refuse_failed();
      if (failed || !unanswered()) host_.loop.stop();
      return false;
    });
    if (failed) companions_.reset();  // Another one is started at once, without back-off.
  }
  return true;
}

bool DryRun::unanswered() const {
  return std::ranges::any_of(pipeline_->outsides(), [](const Pipeline::Asking& asking) {
    return asking.outside->unanswered() > 0;
  });
}

// What was asked of a process that is gone.
bool DryRun::refuse_failed() {
  bool failed = false;
  for (const Pipeline::Asking& asking : pipeline_->outsides()) {
    const std::string_view why = companions_->failure(asking.node);
    if (why.empty() || asking.outside->unanswered() == 0) continue;
    failed = true;
    asking.outside->refuse_all(joined({"its process: ", why}));
  }
  return failed;
}

// Whether anything came.
bool DryRun::drain() {
  bool came = false;
  do {
    drain_some();
    came = came || group_.record_count() > 0;
    group_.reset();
  } while (!drained_);
  return came;
}

void DryRun::finish() {
  for (std::size_t round = 0; round < kRoundsMax; ++round) {
    if (pipeline_->next() == Instant::never()) return;
    now_ = now_ + kSilence;
    if (!drain()) return;
  }
}

void DryRun::refused(Reason reason, std::string_view node) {
  const auto trouble = pipeline_->trouble();
  const bool said = trouble && trouble->node == node;
  show_({.by = Output::By::refusal,
         .name = node,
         .reason = reason,
         .why = said ? std::string_view(trouble->what) : std::string_view()});
}

}  // namespace pinaflux
