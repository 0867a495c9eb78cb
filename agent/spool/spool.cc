// One transaction, in this order, because each step makes room for the next:
//
//   acks        delete what the far end has
//   forks       a row that it has something else for goes into a lane of the current epoch
//   expiry      delete what is older than its lane keeps it, or more, tombstones in its place
//   room        if the records would not fit: delete the oldest of the lanes that may lose, tombstones
//   backlog     lease what was sealed before, up to the wish (behind the records where these go first)
//   records     seal and lease what has a place, the rest becomes chunks
//   notes       cursors, states, dead letters
//   lanes       one row for each lane that changed
//
// What the file will say is computed in Lane::at while the transaction runs, and put back when it fails,
// so a retry meets exactly the same state. An error of the last fsync does not tell whether the transaction
// survived: it is voided in the WAL, so that it did not. After an I/O error SQLite's view of the file is
// not trusted any more: the file is closed and opened again.

#include "agent/spool/spool.h"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <optional>
#include <tuple>
#include <utility>

#include "agent/data/limits.h"
#include "agent/data/raw_lane.h"
#include "agent/spool/landed.h"
#include "agent/spool/lock.h"
#include "agent/spool/operation.h"
#include "agent/spool/packer.h"
#include "agent/spool/renumber.h"
#include "agent/spool/salvage.h"
#include "agent/spool/shed.h"
#include "agent/spool/split.h"
#include "agent/spool/store.h"
#include "agent/spool/thin.h"

namespace pinaflux {

static_assert(Spool::kBytesMin == static_cast<std::uint64_t>(Room::kBytesMin));

namespace {

constexpr std::int64_t kSlackBytes = 32 * 1024;  // Of a transaction, beside what it stores.

struct Request {
  const Group& group;
  const LeaseWish& wish;
  Stamp now;
  bool everything;     // False: acks and leases only.
  std::int64_t bytes;  // That the records are thought to need.
  bool moves = true;   // False: no rows are written in the place of others.
};

bool ended(const Error& error) {
  return error.code == Code::io || error.code == Code::corrupt || error.code == Code::internal;
}

Status check(const SpoolOptions& options) {
  if (options.bytes_max < Spool::kBytesMin) {
    return fail(Code::invalid, "the spool's size is below 16 MiB");
  }
  if (options.lanes.empty() || options.lanes.size() > limits::kLanesMax) {
    return fail(Code::invalid, "a spool has 1 to 16 lanes");
  }
  for (std::size_t i = 0; i < options.lanes.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (options.lanes[i].name == options.lanes[j].name) {
        return fail(Code::invalid, "two lanes of the spool have the same name");
      }
    }
  }
  return {};
}

// What a group cannot pass, whatever its values are.
std::int64_t most_bytes(const Group& group) {
  return static_cast<std::int64_t>(group.arena.bytes_used() + group.record_count() * 16);
}

// By what the lanes' records took lately: too much would evict more than is needed.
std::int64_t expected_bytes(const Group& group, const std::vector<Lane>& lanes) {
  double bytes = 0;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const auto count = static_cast<double>(group.records[i].size());
    const Lane& lane = lanes[i];
    double each = lane.bytes_per_record;
    if (each == 0.0 && lane.at.records > 0) {
      each = static_cast<double>(lane.at.bytes) / static_cast<double>(lane.at.records);
    }
    if (count > 0 && each == 0.0) return most_bytes(group);
    bytes += each * 1.2 * count;
  }
  return std::min(static_cast<std::int64_t>(bytes), most_bytes(group));
}

}  // namespace

struct Spool::State {
  State(const SpoolOptions& o, Files& f, const Clock& c, Entropy& e, std::unique_ptr<FileLock> l)
      : options(o), files(f), clock(c), entropy(e), lock(std::move(l)), packer(o.generation) {}

  Status open(std::vector<std::string>& findings);
  Status take_salvage(std::vector<std::string>& findings);
  Status commit(const Group& group, const LeaseWish& wish, Stamp now, std::vector<Lease>& leases);
  SpoolState state() const;

  Result<bool> operate(Operation& operation, Buffer& out);
  Status make_ready(std::int64_t bytes);
  Status transact(const std::function<Status()>& change);
  Status attempt(const Request& request, std::vector<Lease>& leases);
  Status write(const Request& request, std::vector<Lease>& leases);
  void begin_rounds(const LeaseWish& wish);
  Status write_letters(const Request& request);
  Status take_ack(const Request& request, const LaneAck& ack, GivenUp& given_up);
  Status pack(const Request& request, GivenUp& given_up, std::vector<Lease>& leases);
  Status save_lanes();
  void settle();
  std::unexpected<Error> give_up(const Error& error);
  std::unexpected<Error> recover(const Error& error);
  std::int64_t age() const;
  std::int64_t bytes_evictable() const;
  std::int64_t bytes_to_thin() const;

  SpoolOptions options;
  Files& files;
  const Clock& clock;
  Entropy& entropy;
  std::unique_ptr<FileLock> lock;
  Roots roots;
  std::optional<Store> store;
  Packer packer;
  Renumbering renumbering;
  Instant opened{};
  std::uint64_t commits = 0;
  std::uint64_t acks_ignored = 0;
  bool abandoned = false;
  // While the file cannot be opened again.
  std::vector<Lane> last_lanes;
  SpoolState last_state;
};

Status Spool::State::open(std::vector<std::string>& findings) {
  for (const LaneOptions& lane : options.lanes) {
    if (Status s = packer.check_names(options.gateway, lane.name); !s) return s;
  }
  auto made = Store::open(options, roots, files, clock.wall(), entropy, findings);
  if (!made && made.error().code == Code::corrupt && options.set_aside) {
    if (Status s = set_aside(options, files, clock.wall(), made.error().what, findings); !s)
      return s;
    made = Store::open(options, roots, files, clock.wall(), entropy, findings);
  }
  if (!made) return std::unexpected(made.error());
  store.emplace(std::move(*made));
  if (!name_set_aside(options, files).empty()) {
    if (Status s = take_salvage(findings); !s) return s;
  }
  opened = clock.now();
  return store->room->judge(bytes_evictable());
}

// What cannot be moved now waits in the damaged file for the next start.
Status Spool::State::take_salvage(std::vector<std::string>& findings) {
  const auto moved = salvage(*store, options, files, findings);
  if (!moved) {
    findings.push_back("the damaged queue could not be moved whole (" +
                       std::string(moved.error().what) + "): the next start goes on with it");
  }
  store.reset();
  auto made = Store::open(options, roots, files, clock.wall(), entropy, findings);
  if (!made) return std::unexpected(made.error());
  store.emplace(std::move(*made));
  return {};
}

Status Spool::State::commit(const Group& group, const LeaseWish& wish, Stamp now,
                            std::vector<Lease>& leases) {
  if (abandoned) return fail(Code::corrupt, "the spool was damaged and is set aside");
  if (!store) {
    const auto failed = recover({Code::io, 0, "the spool could not be opened again"});
    if (!store) return failed;
  }
  begin_rounds(wish);
  if (wish.anchor) packer.know(*wish.anchor);
  const auto letters = static_cast<std::int64_t>(store->letters->estimate(group));
  Request request{group, wish, now, true, expected_bytes(group, store->lanes) + letters};
  Status done = attempt(request, leases);
  if (!done && done.error().code == Code::full &&
      (request.bytes < most_bytes(group) + letters || packer.must_repeat())) {
    request.bytes = most_bytes(group) + letters;
    done = attempt(request, leases);
  }
  if (done) return done;
  if (done.error().code == Code::full) {
    std::ignore = store->room->checkpoint();
    request.everything = false;
    Status acked = attempt(request, leases);
    if (!acked && acked.error().code == Code::full) {
      request.moves = false;
      acked = attempt(request, leases);
    }
    if (acked || !ended(acked.error())) return done;
  }
  return ended(done.error()) ? recover(done.error()) : done;
}

Status Spool::State::attempt(const Request& request, std::vector<Lease>& leases) {
  const std::int64_t bytes = request.bytes + kSlackBytes + bytes_to_thin() +
                             (renumbering.waiting() > 0 ? Renumbering::kBytesEach : 0) +
                             splits::bytes_for(request.group) + store->dictionaries.bytes_due();
  if (Status s = make_ready(request.everything ? bytes : 0); !s) return s;
  std::vector<Lease> leased;
  const Status done = transact([&] { return write(request, leased); });
  renumbering.settle(done.has_value());
  store->dictionaries.settle(done.has_value());
  if (!done) return done;
  ++commits;
  std::ranges::move(leased, std::back_inserter(leases));
  settle();
  return {};
}

Status Spool::State::make_ready(std::int64_t bytes) {
  const Status ready = store->room->wal_overdue() ? store->room->checkpoint() : Status();
  if (!ready) return ready;
  return bytes > 0 ? store->room->reserve(bytes) : Status();
}

Status Spool::State::transact(const std::function<Status()>& change) {
  std::array<Progress, limits::kLanesMax> before;
  std::ranges::transform(store->lanes, before.begin(), &Lane::at);
  Status done = store->database->begin();
  if (done) done = change();
  if (done) done = store->database->commit();
  if (done) return done;
  store->database->rollback();
  for (std::size_t i = 0; i < store->lanes.size(); ++i) store->lanes[i].at = before[i];
  return done;
}

Result<bool> Spool::State::operate(Operation& operation, Buffer& out) {
  if (!store) return fail(Code::io, "the spool could not be opened again");
  const Access access{.store = *store, .options = options, .packer = &packer, .age = age()};
  const std::int64_t bytes = operation.bytes_written(access);
  if (bytes == 0) return operation.step(access, out);
  if (Status s = make_ready(bytes); !s) return std::unexpected(s.error());
  Result<bool> more = false;
  const Status done = transact([&]() -> Status {
    more = operation.step(access, out);
    return more ? save_lanes() : std::unexpected(more.error());
  });
  if (done) {
    settle();
    return more;
  }
  // Of damage it cannot be said here whose it is: the next commit meets it, if it is the spool's.
  const Code code = done.error().code;
  if (code == Code::io || code == Code::internal) std::ignore = recover(done.error());
  return std::unexpected(done.error());
}

Status Spool::State::write(const Request& request, std::vector<Lease>& leases) {
  GivenUp given_up(*store->letters, request.now);
  for (const LaneAck& ack : request.group.acks) {
    if (Status s = take_ack(request, ack, given_up); !s) return s;
  }
  if (request.moves) {
    Status s = renumbering.step({*store, options, packer, age(), leases});
    if (!s) return s;
  }
  if (request.everything) {
    for (Lane& lane : store->lanes) {
      if (Status s = shed::expire(*store, lane, age()); !s) return s;
    }
    if (request.group.record_count() > 0 || !request.group.kept.empty() ||
        !request.group.kept_bytes.empty()) {
      if (Status s = shed::make_room(*store, request.bytes + kSlackBytes); !s) return s;
    }
  }
  if (Status s = pack(request, given_up, leases); !s) return s;
  if (given_up.any) {
    if (Status s = store->count_letters(); !s) return s;
  }
  if (request.everything) {
    if (Status s = store->notes->write(request.group, options.sources); !s) return s;
    if (Status s = store->write_dictionaries(request.bytes + kSlackBytes, age()); !s) return s;
    if (Status s = write_letters(request); !s) return s;
  }
  return save_lanes();
}

Status Spool::State::write_letters(const Request& request) {
  const Group& group = request.group;
  if (group.refusals.empty() && group.replayed.empty()) return {};
  Status s = store->letters->write(group, options.sources, request.now);
  return s ? store->count_letters() : s;
}

Status Spool::State::take_ack(const Request& request, const LaneAck& ack, GivenUp& given_up) {
  if (ack.lane >= store->lanes.size()) {
    ++acks_ignored;
    return {};
  }
  if (ack.refused && !request.moves) return {};  // It is sent again, and refused again.
  Lane& lane = store->lanes[ack.lane];
  const auto taken = ack.refused ? splits::take(*store, lane, ack, given_up)
                     : ack.known ? renumbering.take(*store, entropy, ack)
                                 : landed::take(*store, lane, ack);
  if (!taken) return std::unexpected(taken.error());
  if (!*taken) ++acks_ignored;
  return {};
}

Status Spool::State::pack(const Request& request, GivenUp& given_up, std::vector<Lease>& leases) {
  for (std::size_t i = 0; i < store->lanes.size(); ++i) {
    Packer::Job job{.queue = *store->queue,
                    .lane = store->lanes[i],
                    .index = static_cast<LaneIndex>(i),
                    .age = age(),
                    .places = request.wish.envelopes[i],
                    .leases = leases,
                    .sealed_only = request.wish.sealed_only[i],
                    .bytes_max = request.wish.envelope_bytes_max(i),
                    .dictionaries = &store->dictionaries,
                    .takes_dictionaries = request.wish.takes_dictionaries[i],
                    .far_end_has = request.wish.dictionary[i],
                    .given_up = &given_up};
    Status packed =
        request.everything ? packer.take(job, request.group.records[i]) : packer.lease(job);
    if (!packed) return packed;
  }
  return {};
}

// Leases of a round that is over are lost.
void Spool::State::begin_rounds(const LeaseWish& wish) {
  for (std::size_t i = 0; i < store->lanes.size(); ++i) {
    Lane& lane = store->lanes[i];
    if (std::exchange(lane.round, wish.round[i]) != wish.round[i]) lane.at.leased.clear();
  }
}

Status Spool::State::save_lanes() {
  for (Lane& lane : store->lanes) {
    if (lane.at.front_moved) {
      if (Status s = store->find_front(lane); !s) return s;
    }
    if (!lane.at.changed) continue;
    if (Status s = store->save(lane); !s) return s;
    lane.at.changed = false;
  }
  return {};
}

// After the commit nothing may fail any more: what goes wrong here is met again by the next attempt.
void Spool::State::settle() {
  std::ignore = store->room->checkpoint_if_due();
  std::ignore = store->room->judge(bytes_evictable());
}

std::unexpected<Error> Spool::State::give_up(const Error& error) {
  std::vector<std::string> findings;
  if (store) last_state = state();
  store.reset();
  abandoned = true;
  if (!options.set_aside) return std::unexpected(error);
  if (Status s = set_aside(options, files, clock.wall(), error.what, findings); !s) {
    return std::unexpected(s.error());
  }
  return std::unexpected(error);
}

// `error`, or why the file cannot be opened again: then the next commit tries.
std::unexpected<Error> Spool::State::recover(const Error& error) {
  if (error.code == Code::corrupt) return give_up(error);
  if (store) {
    if (Status s = store->database->forget(); !s) return std::unexpected(s.error());
    last_state = state();
    last_lanes = std::move(store->lanes);
    store.reset();
  }
  std::vector<LaneId> ids;
  ids.reserve(last_lanes.size());
  for (const Lane& lane : last_lanes) ids.push_back(lane.id);
  std::vector<std::string> findings;
  auto made = Store::open(options, roots, files, clock.wall(), entropy, findings, ids);
  if (!made)
    return made.error().code == Code::corrupt ? give_up(made.error())
                                              : std::unexpected(made.error());
  for (std::size_t i = 0; i < std::min(made->lanes.size(), last_lanes.size()); ++i) {
    made->lanes[i].round = last_lanes[i].round;
    made->lanes[i].at.leased = last_lanes[i].at.leased;
  }
  store.emplace(std::move(*made));
  opened = clock.now();
  return std::unexpected(error);
}

std::int64_t Spool::State::age() const {
  return store->age + (clock.now() - opened).ns / Duration::seconds(1).ns;
}

std::int64_t Spool::State::bytes_evictable() const {
  std::uint64_t bytes = 0;
  for (const Lane& lane : store->lanes) {
    if (lane.when_full != LaneOptions::WhenFull::hold) bytes += lane.at.bytes;
  }
  return static_cast<std::int64_t>(bytes);
}

// That making room may write, beside what is stored.
std::int64_t Spool::State::bytes_to_thin() const {
  const bool thins = std::ranges::any_of(
      store->lanes, [](const Lane& lane) { return lane.when_full == LaneOptions::WhenFull::thin; });
  return thins ? static_cast<std::int64_t>(Thinner::kBytesMax + limits::kEnvelopeBytesMax) : 0;
}

SpoolState Spool::State::state() const {
  if (!store) return last_state;
  SpoolState s;
  s.bytes_max = options.bytes_max;
  s.commits = commits;
  s.acks_ignored = acks_ignored;
  s.bytes_used = static_cast<std::uint64_t>(store->room->bytes_used());
  s.dead_letters = store->letter_count;
  s.full = store->room->full();
  s.forked = renumbering.forked();
  s.renumbering = renumbering.waiting();
  for (std::size_t i = 0; i < store->lanes.size(); ++i) {
    const Lane& lane = store->lanes[i];
    s.lanes.push_back({.name = lane.name,
                       .gateway = lane.gateway,
                       .configured = i < options.lanes.size(),
                       .kept = lane.name == kRawLane,
                       .epoch = lane.epoch,
                       .next_seq = lane.at.next_seq,
                       .acked = lane.at.acked,
                       .records_queued = lane.at.records,
                       .records_shed = lane.at.shed,
                       .bytes_queued = lane.at.bytes,
                       .oldest = lane.at.oldest,
                       .dictionary = store->dictionaries.current(lane)});
  }
  return s;
}

Spool::Spool(std::unique_ptr<State> state) : state_(std::move(state)) {}
Spool::~Spool() = default;

Result<std::unique_ptr<Spool>> Spool::open(const SpoolOptions& options, Files& files,
                                           const Clock& clock, Entropy& entropy,
                                           std::vector<std::string>& findings, const Vault* vault) {
  if (Status s = check(options); !s) return std::unexpected(s.error());
  long holder = 0;
  auto lock = lock_directory(files, options.directory, holder);
  if (!lock) {
    if (holder != 0) findings.push_back("the spool is held by process " + std::to_string(holder));
    return std::unexpected(lock.error());
  }
  auto state = std::make_unique<State>(options, files, clock, entropy, std::move(*lock));
  if (Status s = state->roots.derive(options, vault); !s) return std::unexpected(s.error());
  if (Status s = state->open(findings); !s) return std::unexpected(s.error());
  return std::unique_ptr<Spool>(new Spool(std::move(state)));
}

Status Spool::commit(const Group& group, const LeaseWish& wish, Stamp now,
                     std::vector<Lease>& leases) {
  return state_->commit(group, wish, now, leases);
}

Result<bool> Spool::operate(Operation& operation, Buffer& out) {
  return state_->operate(operation, out);
}

SpoolState Spool::state() const { return state_->state(); }

Notes::Cursors Spool::cursors() const {
  if (!state_->store) return {};
  return state_->store->notes->cursors().value_or(Notes::Cursors());
}

std::vector<StateEdit> Spool::states() const {
  if (!state_->store) return {};
  auto states = state_->store->notes->states().value_or(std::vector<StateEdit>());
  std::erase_if(states, [](const StateEdit& s) { return LaneDictionaries::is_key(s.key); });
  return states;
}

}  // namespace pinaflux
