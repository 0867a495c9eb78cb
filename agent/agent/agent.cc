#include "agent/agent/agent.h"

#include <algorithm>
#include <array>

#include "agent/agent/committer.h"
#include "agent/agent/companions.h"
#include "agent/agent/gatherer.h"
#include "agent/agent/open_sources.h"
#include "agent/agent/pace.h"
#include "agent/agent/raw_replay.h"
#include "agent/agent/reentry.h"
#include "agent/agent/said.h"
#include "agent/agent/schema_notices.h"
#include "agent/agent/sent_lanes.h"
#include "agent/agent/trusted_time.h"
#include "agent/seal/row_json.h"
#include "agent/uplink/uplinks.h"
#include "agent/vault/vault.h"
#include "version.h"

namespace pinaflux {

namespace {

constexpr Duration kHousekeeping = TrustedTime::kLookEvery;
constexpr Duration kStopMax = Duration::seconds(5);            // To commit what is in memory.
constexpr Duration kStopLinger = Duration::milliseconds(200);  // For the last answers to leave.
constexpr Duration kRetryMin = Duration::milliseconds(100);
constexpr Duration kRetryMax = Duration::seconds(5);

WallTime built() { return {kBuildTimeUnixSeconds * Duration::seconds(1).ns}; }

}  // namespace

struct Agent::State {
  State(const Configuration& configuration_, const Host& host_)
      : configuration(configuration_),
        host(host_),
        started(host_.clock.now()),
        random(host_.entropy.u64()),
        time(TrustedTime::options_of(configuration_, built()), host_.clock, shapes),
        notices(configuration_.gateway),
        retry(kRetryMin, kRetryMax) {}

  std::optional<Refusal> start();
  std::optional<Refusal> open_spool();
  std::unique_ptr<Companions> companions_of(const Pipeline& its);
  std::optional<Refusal> start_sources();
  std::optional<Refusal> make_uplinks();

  bool turn();
  void finish_commit();
  void operated(SpoolState state);
  void step(Operation& operation, Buffer& out, std::function<void(Result<bool>)> done);
  void step_made(Operation& operation, Result<bool> more,
                 const std::function<void(Result<bool>)>& done);
  void retry_later(const Error& error);
  void take_acks();
  void hold_sources(bool full);
  void submit(const Pace::Group& group, Instant now);
  void wake_at(Instant at, Instant now);
  void begin_epoch();
  void stop();
  void finish_stop(Instant now);
  void housekeeping();
  void look_at_clock();
  LeaseWish free_places() const;
  AgentStatus status() const;

  const Configuration configuration;
  const Host host;
  const Instant started;
  Random random;
  Shapes shapes;
  TrustedTime time;
  Vault vault;
  std::unique_ptr<Spool> spool;  // After the start: the worker's.
  SpoolState spool_state;        // As of the last commit.
  std::unique_ptr<Masker> masker;
  std::unique_ptr<Pipeline> pipeline;
  std::unique_ptr<Companions> companions;
  std::vector<std::unique_ptr<Source>> sources;
  std::unique_ptr<Gatherer> gatherer;
  std::unique_ptr<Reentry> reentry;
  std::unique_ptr<RawReplay> replay;
  std::unique_ptr<Committer> committer;
  std::unique_ptr<Uplinks> uplinks;
  SchemaNotices notices;
  std::unique_ptr<Timer> wake, tick;

  Backoff retry;
  Instant retry_at{};
  bool waits_for_room = false;  // The failed commit did not fit: acks are what it waits for.
  bool restarts = false;        // Only another start can go on.
  std::string spool_text;
  std::uint64_t commit_failures = 0;
  Duration commit_took{};
  Pace pace{{}};
  bool held = false, held_full = false;
  bool turned = false;  // Since the last housekeeping.
  std::vector<Said> said_sources;
  std::vector<Said> said_uplinks;

  enum class Stopping { no, draining, lingering, done } stopping = Stopping::no;
  Instant stop_at{};
};

std::optional<Agent::Refusal> Agent::State::start() {
  std::string which;
  if (auto ok = vault.load(host.files, configuration.keys, which); !ok) {
    return Refusal{ok.error(), "keys." + which};
  }
  if (auto refusal = open_spool()) return refusal;
  if (auto refusal = make_uplinks()) return refusal;
  time.restore(spool->states());
  time.look(false);
  if (!time.trusted()) host.log.warning("clock.untrusted", time.text());
  auto made_masker = Masker::make(configuration.mask, shapes, vault);
  if (!made_masker) return Refusal{made_masker.error(), "mask"};
  masker = std::move(*made_masker);
  auto made_pipeline = Pipeline::make(configuration.pipeline, shapes);
  if (!made_pipeline) return Refusal{made_pipeline.error(), "pipeline"};
  pipeline = std::move(*made_pipeline);
  say_forgotten(pipeline->restore(spool->states()), host.log);
  notices.take(spool->states());
  if (auto refusal = start_sources()) return refusal;
  companions = companions_of(*pipeline);
  gatherer =
      std::make_unique<Gatherer>(sources, *masker, *pipeline, shapes, configuration.raw_lane);
  std::vector<SourceOptions> formats;
  for (const auto& source : configuration.sources) formats.push_back(common(source));
  reentry = std::make_unique<Reentry>(*gatherer, shapes, std::move(formats));
  replay = std::make_unique<RawReplay>(
      *masker, configuration.pipeline, shapes,
      [this](Operation& operation, Buffer& out, auto done) {
        step(operation, out, std::move(done));
      },
      [this](const Pipeline& its) { return companions_of(its); });
  if (Status s = replay->restore(spool->states()); !s) return Refusal{s.error(), "pipeline"};
  uplinks->clock_trusted(time.trusted());
  uplinks->start();
  committer = std::make_unique<Committer>(*spool, host.worker, host.clock, [] {});
  wake = host.loop.timer([] {});
  tick = host.loop.timer([this] { housekeeping(); });
  tick->start(Duration{});
  return std::nullopt;
}

std::unique_ptr<Companions> Agent::State::companions_of(const Pipeline& its) {
  return std::make_unique<Companions>(
      its, Companions::Host{host.children, host.loop, host.clock, host.files, host.log, random});
}

std::optional<Agent::Refusal> Agent::State::open_spool() {
  std::vector<std::string> findings;
  auto opened =
      Spool::open(configuration.spool, host.files, host.clock, host.entropy, findings, &vault);
  for (const auto& f : findings) host.log.warning("spool.finding", f);
  if (!opened) return Refusal{opened.error(), configuration.spool.directory};
  spool = std::move(*opened);
  spool_state = spool->state();
  return std::nullopt;
}

std::optional<Agent::Refusal> Agent::State::start_sources() {
  std::string which;
  auto opened =
      open_sources(configuration,
                   {host.loop, host.clock, host.network, host.http, host.files, host.entropy,
                    [this] { return time.stamp(); }, InstallKey{}, configuration.gateway},
                   spool->cursors(), which);
  if (!opened) return Refusal{opened.error(), which};
  sources = std::move(*opened);
  said_sources.resize(sources.size());
  return std::nullopt;
}

std::optional<Agent::Refusal> Agent::State::make_uplinks() {
  auto parts = sent_lanes(configuration.uplinks, spool_state.lanes);
  std::string which;
  if (Status s = prove(parts, vault, host.entropy, which); !s)
    return Refusal{s.error(), "keys." + which};
  Pace::Options pacing{configuration.commit_every, {}, {}};
  for (Uplinks::Part& part : parts) {
    part.options.time_floor = built();
    pacing.batch_ages.push_back(part.options.batch_age);
  }
  said_uplinks.resize(parts.size());
  uplinks = std::make_unique<Uplinks>(
      std::move(parts),
      Uplinks::Host{host.clock, host.entropy, host.loop, host.make_mqtt_client,
                    [this](const std::string& to) { return host.network.interface_to(to); }});
  pacing.way_of_lane = uplinks->ways();
  pace = Pace(std::move(pacing));
  for (LaneIndex lane = 0; lane < spool_state.lanes.size(); ++lane) {
    const LaneState& its = spool_state.lanes[lane];
    uplinks->committed(lane, its.epoch, its.next_seq - 1, its.acked, its.dictionary);
  }
  uplinks->restore(spool->states());
  return std::nullopt;
}

bool Agent::State::turn() {
  turned = true;
  const Instant now = host.clock.now();
  finish_commit();
  take_acks();
  notices.tell(*uplinks);
  const Moment moment{now, time.stamp()};
  if (stopping == Stopping::no) reentry->enter(committer->filling(), moment);
  const auto replayed = stopping == Stopping::no && !held_full ? replay->enter(committer->filling())
                                                               : Gatherer::Outcome::idle;
  const bool gathering = stopping == Stopping::no || stopping == Stopping::draining;
  if (gathering) time.tell(committer->filling());
  const auto gathered =
      gathering ? gatherer->gather(committer->filling(), moment) : Gatherer::Outcome::idle;
  companions->turn();
  hold_sources(held_full);
  say_trouble(*pipeline, host.log);
  const Group& filling = committer->filling();
  const bool at_once = (spool_state.renumbering > 0 || uplinks->save_due() || replay->due()) &&
                       stopping == Stopping::no;
  const Pace::Group group{
      .empty = filling.empty() && !committer->retrying() && !at_once,
      .full = gathered == Gatherer::Outcome::full || replayed == Gatherer::Outcome::full ||
              stopping != Stopping::no || at_once,
      .stalled = gathered == Gatherer::Outcome::idle &&
                 (!filling.replayed.empty() ||
                  std::ranges::any_of(sources, [](const auto& s) { return s->stalled(); }))};
  if (gathering) submit(group, now);
  if (stopping != Stopping::no && committer->idle() && !committer->operating()) finish_stop(now);
  return gathered == Gatherer::Outcome::more || replayed == Gatherer::Outcome::more;
}

void Agent::State::finish_commit() {
  auto done = committer->take_done();
  if (!done) return;
  const std::uint64_t ignored = done->state.acks_ignored - spool_state.acks_ignored;
  if (ignored > 0) uplinks->disproved(ignored);
  // A lane may hold what no group brought: it came from a lane of an earlier epoch.
  for (std::size_t i = 0; i < std::min(spool_state.lanes.size(), done->state.lanes.size()); ++i) {
    const std::uint64_t next =
        spool_state.lanes[i].next_seq + (done->status ? done->records[i] : 0);
    if (done->state.lanes[i].next_seq > next) pace.lost(static_cast<LaneIndex>(i));
  }
  spool_state = std::move(done->state);
  commit_took = done->took;
  hold_sources(spool_state.full || (!done->status && done->status.error().code == Code::full));
  if (!done->status && done->status.error().code == Code::corrupt) {
    host.log.failed(Log::Level::error, "spool.damaged", done->status.error());
    restarts = true;
    stopping = Stopping::lingering;  // Until no step is on the worker.
    stop_at = host.clock.now();
    reentry->abandon(done->status.error());
    return replay->stop();
  }
  if (!done->status) {
    retry_later(done->status.error());
    uplinks->send(std::move(done->leases));
    return;
  }
  retry.reset();
  retry_at = {};
  spool_text.clear();
  uplinks->saved();
  notices.committed();
  for (const Receipt& receipt : done->receipts) sources[receipt.source]->committed(receipt);
  std::array<std::size_t, limits::kLanesMax> brought{};
  for (const Lease& lease : done->leases) ++brought[lease.lane];
  for (std::size_t i = 0; i < spool_state.lanes.size(); ++i) {
    const auto lane = static_cast<LaneIndex>(i);
    const auto& state = spool_state.lanes[i];
    uplinks->committed(lane, state.epoch, state.next_seq - 1, state.acked, state.dictionary);
    pace.leased(lane, done->wish, brought[i], done->records[i] > 0);
  }
  if (!done->leases.empty()) uplinks->send(std::move(done->leases));
  reentry->committed(done->replayed);
  replay->committed();
  if (spool_state.forked && !restarts) begin_epoch();
}

void Agent::State::begin_epoch() {
  restarts = true;
  host.log.warning("spool.forked",
                   "the collector has other data under our numbers: this gateway was cloned or "
                   "restored from an image; it counts on in a new epoch, and nothing is lost");
  stop();
}

// The operator may have made room.
void Agent::State::operated(SpoolState state) {
  finish_commit();  // Of before this step.
  spool_state = std::move(state);
  if (waits_for_room && committer->retrying()) retry_at = {};
  hold_sources(spool_state.full || (waits_for_room && committer->retrying()));
}

void Agent::State::step(Operation& operation, Buffer& out, std::function<void(Result<bool>)> done) {
  committer->operate(operation, out,
                     [this, done = std::move(done)](Result<bool> more, SpoolState state) {
                       operated(std::move(state));
                       done(more);
                     });
}

// What the step read to be replayed goes through mask and pipeline first.
void Agent::State::step_made(Operation& operation, Result<bool> more,
                             const std::function<void(Result<bool>)>& done) {
  if (const ReplayJob* job = operation.replay_job(); more && job != nullptr) {
    return replay->begin(*job, [more, done](Status replayed) {
      done(replayed ? more : std::unexpected(replayed.error()));
    });
  }
  const auto replays = operation.replays();
  if (!more || replays.empty()) return done(more);
  if (spool_state.full) {
    return done(
        fail(Code::full, "the spool is full: replay when the far end has taken some of it"));
  }
  reentry->take(replays, [more, done](Status committed) {
    done(committed ? more : std::unexpected(committed.error()));
  });
}

void Agent::State::retry_later(const Error& error) {
  ++commit_failures;
  retry_at = host.clock.now() + retry.next(random) + kRetryMin;
  waits_for_room = error.code == Code::full;
  spool_text = error.what;
  host.log.failed(Log::Level::error, "spool.commit", error);
}

void Agent::State::take_acks() {
  auto& acks = committer->filling().acks;
  uplinks->take_acks(acks);
  const bool frees = std::ranges::any_of(acks, [](const LaneAck& a) { return !a.refused; });
  if (waits_for_room && committer->retrying() && frees) retry_at = {};
  for (LaneIndex lane : uplinks->take_lost()) pace.lost(lane);
}

void Agent::State::hold_sources(bool full) {
  held_full = full;
  const bool hold = full || companions->hold();
  if (hold == held || stopping != Stopping::no) return;
  held = hold;
  pipeline->hold(hold, host.clock.now());
  for (auto& source : sources) source->hold(!hold ? Hold::none : full ? Hold::full : Hold::process);
  say_held(hold, full, host.log);
}

void Agent::State::submit(const Pace::Group& group, Instant now) {
  wake_at(Instant::never(), now);
  if (!committer->idle()) return;
  const bool retrying = committer->retrying();
  const LeaseWish free_places = this->free_places();
  LeaseWish wish = pace.lease_now(free_places, group, now);
  const bool wanted = retrying ? now >= retry_at : pace.commit_now(group, wish, now);
  if (!wanted) return wake_at(retrying ? retry_at : pace.next(free_places, group), now);
  if (!retrying) {
    pipeline->save(committer->filling());
    replay->save(committer->filling());
    notices.prepare(committer->filling());
    time.prepare(committer->filling());
    uplinks->save(committer->filling());
    time.withhold(wish);
  }
  pace.asked(wish, now);
  wish.anchor = time.anchor();
  committer->submit(wish, time.stamp());
}

LeaseWish Agent::State::free_places() const {
  LeaseWish wish = uplinks->wish();
  if (stopping != Stopping::no) wish.envelopes.fill(0);
  time.withhold(wish);
  return wish;
}

// Or before, when silence closes a window.
void Agent::State::wake_at(Instant at, Instant now) {
  const Instant window = stopping == Stopping::no ? pipeline->next() : Instant::never();
  if (window > now) at = std::min(at, window);
  if (at == Instant::never()) return;
  wake->start(std::max(at - now, Duration{}));
}

// Draining ends when everything is on disk, or when its time is over: what is then still in memory was
// never acknowledged. Lingering lets the last acknowledgements leave.
void Agent::State::finish_stop(Instant now) {
  if (stopping == Stopping::draining) {
    const bool in_memory =
        !committer->filling().empty() || committer->retrying() || gatherer->waits();
    if (in_memory && now < stop_at) return;
    uplinks->stop();
    reentry->abandon({Code::busy, 0, "the agent stopped before it was committed: try again"});
    stopping = Stopping::lingering;
    stop_at = now + kStopLinger;
    wake_at(stop_at, now);
  } else if (stopping == Stopping::lingering && now >= stop_at) {
    stopping = Stopping::done;
  } else if (stopping == Stopping::lingering) {
    wake_at(stop_at, now);
  }
}

void Agent::State::look_at_clock() {
  if (!time.look(uplinks->unresolved_works())) return;
  uplinks->clock_trusted(true);
  host.log.notice("clock.trusted", "the clock is trusted now: earlier records get calendar time");
}

void Agent::State::housekeeping() {
  look_at_clock();
  if (turned && host.process.watchdog_ms() > 0) host.process.notify("WATCHDOG=1");
  turned = false;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto health = sources[i]->health();
    const auto level =
        health.state == SourceHealth::State::working ? Log::Level::info : Log::Level::warning;
    said_sources[i].tell(host.log, level, "source." + source_name(configuration.sources[i]),
                         "source", {state_name(health.state), health.text});
  }
  for (std::size_t i = 0; i < uplinks->count(); ++i) {
    const auto health = uplinks->health(i);
    said_uplinks[i].tell(host.log, Log::Level::info, log_key(uplinks->name(i)), "uplink",
                         {state_name(health.state), health.text});
  }
  tick->start(kHousekeeping);
}

AgentStatus Agent::State::status() const {
  AgentStatus s = status_of(configuration, host.process, host.clock.now() - started);
  s.clock_trusted = time.trusted();
  s.clock_text = time.text();
  for (std::size_t i = 0; i < sources.size(); ++i) {
    s.sources.push_back(status_of(configuration.sources[i], sources[i]->health(), held));
  }
  tell_lanes(spool_state.lanes, host.clock, s);
  s.refused = gatherer->refused();
  if (pipeline->late() > 0) s.refused.push_back({"late", pipeline->late()});
  s.revisions = pipeline->revisions();
  s.spool = status_of(spool_state, commit_failures, commit_took, spool_text);
  for (std::size_t i = 0; i < uplinks->count(); ++i) {
    s.uplinks.push_back(status_of(uplinks->name(i), uplinks->health(i)));
  }
  s.companions = companions->status();
  return s;
}

std::expected<std::unique_ptr<Agent>, Agent::Refusal> Agent::start(
    const Configuration& configuration, const Host& host) {
  auto state = std::make_unique<State>(configuration, host);
  if (auto refusal = state->start()) return std::unexpected(*refusal);
  return std::unique_ptr<Agent>(new Agent(std::move(state)));
}

Agent::Agent(std::unique_ptr<State> state) : state_(std::move(state)) {}
Agent::~Agent() = default;
bool Agent::turn() { return state_->turn(); }

void Agent::State::stop() {
  if (stopping != Stopping::no) return;
  for (auto& source : sources) source->hold(Hold::stopping);
  stopping = Stopping::draining;
  reentry->stop();
  replay->stop();
  stop_at = host.clock.now() + kStopMax;
  wake_at(stop_at, host.clock.now());
}

void Agent::stop() { state_->stop(); }
bool Agent::restarts() const { return state_->restarts; }
bool Agent::stopped() const { return state_->stopping == State::Stopping::done; }

AgentStatus Agent::status() const { return state_->status(); }

void Agent::tap(std::function<void(std::string_view line)> line) {
  if (!line) {
    state_->pipeline->tap({});
    return;
  }
  state_->pipeline->tap([this, line = std::move(line)](LaneIndex lane, const Record& record) {
    const auto& its_lane = state_->spool_state.lanes[lane];
    std::string text;
    append_json_line(text, {its_lane.gateway, hex(its_lane.epoch), its_lane.name, 0}, record.row());
    text.pop_back();  // The newline is the receiver's.
    line(text);
  });
}

bool Agent::operate(Operation& operation, Buffer& out, std::function<void(Result<bool>)> done) {
  if (state_->stopping != State::Stopping::no) return false;
  state_->step(operation, out, [this, &operation, done = std::move(done)](Result<bool> more) {
    state_->step_made(operation, more, done);
  });
  return true;
}

}  // namespace pinaflux
