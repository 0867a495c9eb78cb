// States of the spool:
//
//   replay/job                        how far it has come (data/replay_job.h); done: the report of the last one
//   replay/pipeline/NODE/...          what the pipeline's nodes remember of it; gone with its end
//
// The clock of silence is the spool's age when a row of the lane was written: of what came in one burst no source is silent while
// another one's records are read. Rows are merged, so silence within one is not seen before its end: never too early.
//
// A record that waits for room in a group is masked again then: masking has no state.

#include "agent/agent/raw_replay.h"

#include <algorithm>
#include <utility>

#include "agent/pipeline/outside.h"

namespace pinaflux {

namespace {

constexpr std::string_view kPrefix = "replay/";
constexpr std::string_view kStates = "replay/pipeline/";
constexpr std::size_t kArenaBytes = 12 * 1024 * 1024;  // Any envelope, any chunk.

}  // namespace

// One that is open.
struct RawReplay::Entry {
  Arena arena{kArenaBytes};
  std::vector<Row> rows;  // Of range; those behind the replay's last are left out.
  Range range;
  std::size_t at = 0;  // In rows.
};

RawReplay::RawReplay(Masker& masker, const PipelineOptions& pipeline, Shapes& shapes, Read read,
                     Ask ask)
    : masker_(masker),
      options_(pipeline),
      shapes_(shapes),
      origins_(shapes),
      read_(std::move(read)),
      ask_(std::move(ask)) {}

RawReplay::~RawReplay() = default;

Status RawReplay::restore(const std::vector<StateEdit>& states) {
  const auto job = ReplayJob::last_of(states);
  if (!job || job->done) return {};
  if (Status s = start(*job); !s) return s;
  std::vector<StateEdit> mine;
  for (const StateEdit& state : states) {
    if (!state.key.starts_with(kStates)) continue;
    mine.push_back({state.key.substr(kPrefix.size()), state.value});
  }
  pipeline_->restore(mine);
  return {};
}

Status RawReplay::start(const ReplayJob& job) {
  auto made = Pipeline::make(options_, shapes_);
  if (!made) return std::unexpected(made.error());
  pipeline_ = std::move(*made);
  pipeline_->mark(static_cast<std::int64_t>(job.number));
  job_ = job;
  changed_ = ending_ = false;
  return {};
}

void RawReplay::begin(const ReplayJob& job, Done done) {
  ASSERT(!job_);
  if (Status s = start(job); !s) return done(s);
  done_.push_back(std::move(done));
  if (stopped_) stop();
}

Gatherer::Outcome RawReplay::enter(Group& group) {
  using Outcome = Gatherer::Outcome;
  if (!job_ || job_->done || stopped_) return Outcome::idle;
  if (ask_ && !companions_) companions_ = ask_(*pipeline_);
  if (companions_) companions_->turn();
  for (std::size_t i = 0; i < kEachTurn; ++i) {
    if (group.full() || !drain(group)) full_ = true;
    if (full_) return Outcome::full;
    if (pipeline_->holds_back()) return Outcome::idle;
    if (!entry_ || entry_->at == entry_->rows.size()) {
      if (!reads_on()) return Outcome::idle;
      continue;
    }
    full_ = !take(entry_->rows[entry_->at], group);
    if (full_) return Outcome::full;
    ++entry_->at;
    job_->next = entry_->range.first + entry_->at;
    changed_ = true;
  }
  return Outcome::more;
}

// False: nothing is there yet.
bool RawReplay::reads_on() {
  entry_.reset();
  if (job_->next > job_->last) {
    if (asks()) return false;
    job_->done = changed_ = true;
    return false;
  }
  if (reading_) return false;
  reading_ = std::make_unique<ReadRaw>(*job_);
  bytes_.clear();
  read_(*reading_, bytes_, [this](Result<bool> read) { open(read); });
  return false;
}

// Processes owe answers.
bool RawReplay::asks() const {
  return std::ranges::any_of(pipeline_->outsides(), [](const Pipeline::Asking& asking) {
    return asking.outside->unanswered() > 0;
  });
}

void RawReplay::open(Result<bool> read) {
  const std::unique_ptr<ReadRaw> reading = std::move(reading_);
  if (!job_ || stopped_) return;  // The next start reads it again.
  if (!read) {
    stopped_ = true;
    return conclude(std::unexpected(read.error()));
  }
  job_->gone += reading->gone();
  changed_ = true;
  if (bytes_.empty()) {
    job_->next = reading->range().last + 1;
    return;
  }
  entry_ = std::make_unique<Entry>();
  entry_->range = reading->range();
  job_->age_s = std::max(job_->age_s, reading->age_s());
  Opener opener;
  const Status opened =
      reading->is_chunk()
          ? opener.open_body(bytes_, shapes_, entry_->arena, entry_->rows)
          : opener.open(bytes_, shapes_, entry_->arena, entry_->rows).transform([](const Header&) {
            });
  const Range& range = entry_->range;
  job_->next = std::max(job_->next, range.first);
  const std::uint64_t last = std::min(job_->last, range.last);
  if (!opened || entry_->rows.size() != range.count()) {
    job_->gone += last - job_->next + 1;
    job_->next = last + 1;
    return entry_.reset();
  }
  entry_->at = static_cast<std::size_t>(job_->next - range.first);
  entry_->rows.resize(static_cast<std::size_t>(last - range.first + 1));
}

// False: it waits for the next group.
bool RawReplay::take(const Row& row, Group& group) {
  if (!job_->all && row.time.boot != 0) {
    ++job_->untimed;
    return true;
  }
  if (!job_->all && row.time.ns < job_->since_ns) return true;
  const auto origin = origins_.origin(*row.shape);
  const auto source =
      origin ? std::ranges::find(options_.sources, origin->source) : options_.sources.end();
  if (source == options_.sources.end()) {
    ++job_->gone;
    return true;
  }
  const RawRecord raw{{origin->shape, row.values, row.time}};
  // What nodes took in and gave nothing of fills the arena of a group that has no record yet.
  const bool fresh = group.empty() && group.arena.bytes_used() == 0;
  const auto masked = masker_.mask(raw, group.arena, Masker::Origin::letter);
  if (masked.verdict == Masker::Verdict::no_room && !fresh) return false;
  if (masked.verdict != Masker::Verdict::kept) {
    ++job_->refused;
    return true;
  }
  if (row.time.boot == 0) job_->clock_ns = std::max(job_->clock_ns, row.time.ns);
  const auto index = static_cast<SourceIndex>(source - options_.sources.begin());
  const bool room = pipeline_->has_room(index, {&*masked.record, 1}, group);
  if (!room && !fresh) return false;
  process(index, *masked.record, room, group);
  return true;
}

void RawReplay::process(SourceIndex source, const Record& record, bool room, Group& group) {
  const std::size_t before = group.record_count();
  const auto outcome = room ? pipeline_->process(source, record, moment(), group)
                            : Pipeline::Outcome{Pipeline::Verdict::refused, Reason::too_large};
  ++(outcome.verdict == Pipeline::Verdict::taken ? job_->records : job_->refused);
  job_->results += group.record_count() - before;
}

// What silence has closed by now. False: some of it waits for the next group.
bool RawReplay::drain(Group& group) {
  const std::size_t before = group.record_count();
  std::vector<Pipeline::Refused> refused;
  const bool all = pipeline_->drain(moment(), group, refused);
  job_->results += group.record_count() - before;
  job_->refused += refused.size();
  changed_ = changed_ || group.record_count() > before || !refused.empty();
  return all;
}

Moment RawReplay::moment() const {
  return {Instant{} + Duration::seconds(job_->age_s), Stamp::wall({job_->clock_ns})};
}

void RawReplay::save(Group& group) {
  full_ = false;
  if (!job_ || !std::exchange(changed_, false)) return;
  const std::size_t first = group.states.size();
  pipeline_->save(group);
  if (job_->done) {
    for (const StateEdit& state : pipeline_->snapshot()) group.states.push_back({state.key, {}});
    ending_ = true;
  }
  for (std::size_t i = first; i < group.states.size(); ++i) {
    group.states[i].key.insert(0, kPrefix);
  }
  group.states.push_back({ReplayJob::kKey, job_->pack()});
}

void RawReplay::committed() {
  if (!std::exchange(ending_, false)) return;
  job_.reset();
  entry_.reset();
  companions_.reset();
  pipeline_.reset();
  conclude({});
}

void RawReplay::stop() {
  stopped_ = true;
  conclude(fail(Code::busy, "the agent is restarting: the replay goes on when it has started"));
}

void RawReplay::conclude(const Status& status) {
  for (const Done& done : std::exchange(done_, {})) done(status);
}

}  // namespace pinaflux
