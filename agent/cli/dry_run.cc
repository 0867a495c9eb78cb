#include "agent/cli/dry_run.h"

#include <algorithm>

namespace pinaflux {

namespace {

// Above what any node waits for (366 days, and as long for what is late).
constexpr Duration kSilence = Duration::days(800);
constexpr std::size_t kRoundsMax = 16;  // Of nodes that hold what nodes before them held.

}  // namespace

Result<std::unique_ptr<DryRun>> DryRun::make(const Configuration& configuration, Files& files,
                                             Stamp begin, Show show, std::string& which) {
  std::unique_ptr<DryRun> run(new DryRun(configuration, begin, std::move(show)));
  if (Status s = run->vault_.load(files, configuration.keys, which); !s) {
    which = "keys." + which;
    return std::unexpected(s.error());
  }
  auto masker = Masker::make(configuration.mask, run->shapes_, run->vault_);
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

void DryRun::give(SourceIndex source, const RawRecord& record) {
  const auto masked = masker_->mask(record, group_.arena);
  if (masked.verdict != Masker::Verdict::kept) {
    refused(masked.reason, {});
    group_.reset();
    return;
  }
  go_to(masked.record->time());
  show_({.by = Output::By::source,
         .name = configuration_.pipeline.sources[source],
         .record = &*masked.record});
  const Moment moment{now_, {clock_.value_or(begin_.ns), 0}};
  const auto outcome = pipeline_->process(source, *masked.record, moment, group_);
  if (outcome.verdict != Pipeline::Verdict::taken) refused(outcome.reason, outcome.node);
  drain();
}

// Silence until then closes what it closes. The records are in the group's arena, which is not reset before the record is through.
void DryRun::go_to(Stamp time) {
  if (time.boot != 0) return;
  if (!clock_) clock_ = time.ns;
  if (time.ns <= *clock_) return;
  now_ = now_ + Duration{time.ns - *clock_};
  clock_ = time.ns;
  std::vector<Pipeline::Refused> refusals;
  const bool all_out = pipeline_->drain({now_, {*clock_, 0}}, group_, refusals);
  (void)all_out;  // The rest comes behind the record.
  for (const auto& r : refusals) refused(r.reason, r.node);
}

// Whether anything came.
bool DryRun::drain() {
  const Moment moment{now_, {clock_.value_or(begin_.ns), 0}};
  std::vector<Pipeline::Refused> refusals;
  bool came = false;
  for (bool all_out = false; !all_out;) {
    all_out = pipeline_->drain(moment, group_, refusals);
    for (const auto& r : refusals) refused(r.reason, r.node);
    came = came || !refusals.empty() || group_.record_count() > 0;
    refusals.clear();
    group_.reset();
  }
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
