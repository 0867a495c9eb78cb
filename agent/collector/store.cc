// One land(), by example: three arrivals, one of them redelivered and one damaged.
//
//   BEGIN
//     SAVEPOINT; open, check, judge: fresh -> rows, range, hash, high;     RELEASE
//     SAVEPOINT; open, check, judge: duplicate -> counted;                 RELEASE
//     SAVEPOINT; does not open -> a row in pinaflux_reject;                RELEASE
//   files: write, fsync; their lengths
//   COMMIT                                  from here on everything may be acknowledged
//
// A database that refuses one envelope (a row that is there already, a name that it cannot take) must not
// stop the others: the savepoint is rolled back and the envelope is recorded as refused. Its gateway is told, and
// splits it until the record is found. What the disk refuses fails the whole land().

#include "agent/collector/store.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "agent/collector/losses.h"
#include "agent/collector/postgres_home.h"
#include "agent/collector/sqlite_home.h"
#include "agent/seal/dictionary_message.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace {

constexpr int kRestAfter = 64;  // Transactions.

// What was appended cannot be taken back alone: all of the transaction is.
Status of_files(Status appended) {
  if (!appended && !stops_everything(appended.error().code)) appended.error().code = Code::io;
  return appended;
}

std::optional<LaneKey> lane_of(Bytes data) {
  if (is_dictionary_message(data)) {
    const auto message = parse_dictionary(data);
    return message ? std::optional(LaneKey{message->gateway, message->epoch, message->lane})
                   : std::nullopt;
  }
  const auto header = Opener::header(data);
  return header ? std::optional(LaneKey{header->gateway, header->epoch, header->lane})
                : std::nullopt;
}

// Those that an arrival speaks of, if it is what it seems.
void append_lanes(std::vector<LaneKey>& to, const Arrival& arrival) {
  const auto append = [&](const auto& message) {
    for (const LaneMark& mark : message.lanes) {
      to.push_back({message.gateway, mark.epoch, mark.lane});
    }
  };
  if (arrival.unproved != nullptr) return;
  switch (arrival.kind) {
    case Topic::Kind::data:
      if (const auto lane = lane_of(arrival.payload)) to.push_back(*lane);
      return;
    case Topic::Kind::hello:
      if (const auto hello = parse_hello(as_text(arrival.payload))) append(*hello);
      return;
    case Topic::Kind::status:
      if (const auto status = parse_status(as_text(arrival.payload))) append(*status);
      return;
  }
}

Result<std::unique_ptr<Home>> open_home(const CollectorStore::Options& options, Files& files,
                                        std::vector<std::string>& findings) {
  if (postgres::Connection::is_address(options.database)) {
    return PostgresHome::open({options.database, options.collector, !options.outlets.none()},
                              findings);
  }
  return SqliteHome::open(options.database, files);
}

bool is_probe(const HelloMessage& hello) {
  return hello.lanes.size() == 1 && hello.lanes.front().lane == kProbeLane;
}

}  // namespace

CollectorStore::CollectorStore(std::unique_ptr<Home> home)
    : home_(std::move(home)), shapes_(std::make_unique<Shapes>()) {}

CollectorStore::~CollectorStore() = default;

Result<std::unique_ptr<CollectorStore>> CollectorStore::open(const Options& options, Files& files,
                                                             std::vector<std::string>& findings) {
  if (options.rows_in_files && (options.outlets.ndjson.directory.empty() ||
                                postgres::Connection::is_address(options.database))) {
    return fail(Code::invalid, "rows in files alone need NDJSON files, and SQLite for the state");
  }
  auto home = open_home(options, files, findings);
  if (!home) return std::unexpected(home.error());
  std::unique_ptr<CollectorStore> store(new CollectorStore(std::move(*home)));
  if (Status s = store->prepare(options, files, findings); !s) return std::unexpected(s.error());
  return store;
}

Status CollectorStore::prepare(const Options& options, Files& files,
                               std::vector<std::string>& findings) {
  sqlite::Database& state = home_->state();
  if (Status s = state.begin(); !s) return s;
  Result<Ledger> ledger = Ledger::prepare(state, home_->supply());
  if (!ledger) return std::unexpected(ledger.error());
  ledger_ = std::make_unique<Ledger>(std::move(*ledger));
  auto dictionaries = DictionaryStore::prepare(state, home_->supply());
  if (!dictionaries) return std::unexpected(dictionaries.error());
  dictionaries_ = std::make_unique<DictionaryStore>(std::move(*dictionaries));
  if (Status s = prepare_files(options, files, findings); !s) return s;
  Result<Timing> timing = Timing::prepare(state, tables(), home_->supply());
  if (!timing) return std::unexpected(timing.error());
  timing_ = std::make_unique<Timing>(std::move(*timing));
  const Result<bool> unfinished = home_->supply() == nullptr ? timing_->unfinished() : true;
  if (!unfinished) return std::unexpected(unfinished.error());
  unfinished_ = *unfinished;
  if (Status s = state.commit(); !s) return s;
  return home_->prepared();
}

Status CollectorStore::prepare_files(const Options& options, Files& files,
                                     std::vector<std::string>& findings) {
  sqlite::Database& state = home_->state();
  const bool alone = options.rows_in_files;
  const Result<bool> some = home_->supply() == nullptr ? FileRows::are_in(state) : false;
  if (!some) return std::unexpected(some.error());
  const bool in_files = alone || *some;
  if (Status s = remember_rows(options, findings); !s) return s;
  if (options.outlets.none() && !in_files) return {};
  const bool shared = home_->supply() != nullptr;
  auto outlets = Outlets::open(options.outlets, files, state, findings,
                               {.only_copy = in_files, .heads = !shared, .base = options.base});
  if (!outlets) return std::unexpected(outlets.error());
  outlets_ = std::move(*outlets);
  if (!in_files) return {};
  Result<FileRows> rows =
      FileRows::prepare(state, home_->tables(), outlets_->files(), alone, options.base);
  if (!rows) return std::unexpected(rows.error());
  file_rows_ = std::make_unique<FileRows>(std::move(*rows));
  return {};
}

// Somebody who leaves out an option by mistake is told before rows lie in two places.
Status CollectorStore::remember_rows(const Options& options, std::vector<std::string>& findings) {
  if (home_->supply() != nullptr) return {};
  const auto before = FileRows::remember(home_->state(), options.rows_in_files);
  if (!before) return std::unexpected(before.error());
  if (!*before || **before == options.rows_in_files) return {};
  if (options.rows_as_before) {
    findings.push_back(
        "rows of this database land in files: say --rows files --ndjson DIR as for run, or --rows "
        "database");
    return fail(Code::invalid, "rows of this database land in files");
  }
  findings.push_back(options.rows_in_files
                         ? "rows land in files alone from now on, until now in tables"
                         : "rows land in tables from now on, until now in files alone");
  return {};
}

Status CollectorStore::land(std::span<const Arrival> arrivals, WallTime now, Landed& landed) {
  now_ = now;
  today_ = iso_day(now.ns);
  Status done = attempt(arrivals);
  if (!done && home_->again()) done = attempt(arrivals);
  if (!done) return done;
  landed = std::move(landed_);
  return {};
}

Status CollectorStore::attempt(std::span<const Arrival> arrivals) {
  landed_ = Landed{};
  touched_.clear();
  ledger_->at(now_);
  std::vector<LaneKey> lanes;
  if (home_->supply() != nullptr) {
    for (const Arrival& arrival : arrivals) append_lanes(lanes, arrival);
  }
  if (Status s = home_->begin(lanes); !s) return s;
  Status done = follow_home();
  if (done) done = land_all(arrivals);
  if (done && outlets_) done = of_files(outlets_->flush(today_));
  if (done) done = home_->commit();
  if (!done) {
    undo();
    return done;
  }
  if (outlets_) {
    outlets_->committed();
    std::ranges::move(outlets_->take_findings(), std::back_inserter(landed_.findings));
  }
  landed_.counts.quarantined = home_->take_quarantined();
  if (outlets_) landed_.counts.lines_refused = outlets_->take_refused_lines();
  return {};
}

std::string CollectorStore::trouble() const {
  const std::string outside = outlets_ ? outlets_->trouble() : std::string();
  return outside.empty() ? home_->trouble() : outside;
}

// Where the state was read anew, what was written by the transaction before may be committed or not.
Status CollectorStore::follow_home() {
  if (!outlets_ || renewals_ == home_->renewals()) return {};
  if (Status s = outlets_->recover(landed_.findings); !s) return s;
  renewals_ = home_->renewals();
  return {};
}

Status CollectorStore::land_all(std::span<const Arrival> arrivals) {
  for (const Arrival& arrival : arrivals) {
    if (Status s = take(arrival); !s) return s;
  }
  if (Status s = correct_times(); !s) return s;
  if (Status s = answer(); !s) return s;
  const auto gaps = ledger_->gaps();
  if (!gaps) return std::unexpected(gaps.error());
  landed_.gaps = *gaps;
  return {};
}

// A table that takes no changes keeps its rows as they are, and stops nothing else.
Status CollectorStore::correct_times() {
  unfinished_ = false;
  if (rest_ > 0 && rest_-- > 0) return {};
  if (Status s = home_->begin_one(); !s) return s;
  const Result<bool> more = timing_->go_on();
  if (!more) {
    if (home_->broken() || stops_everything(more.error().code)) {
      return std::unexpected(more.error());
    }
    if (Status s = undo_one(); !s) return s;
    rest_ = kRestAfter;
  } else {
    unfinished_ = *more;
  }
  return home_->end_one();
}

Status CollectorStore::undo_one() {
  if (file_rows_) file_rows_->forget();
  if (outlets_) outlets_->undone();
  return home_->undo_one();
}

void CollectorStore::undo() {
  home_->rollback();
  if (file_rows_) file_rows_->forget();
  unfinished_ = true;  // To be asked again.
  if (outlets_) outlets_->abandon();
}

Status CollectorStore::take(const Arrival& arrival) {
  if (arrival.unproved != nullptr) return refuse(arrival, arrival.unproved);
  if (Status s = home_->begin_one(); !s) return s;
  const Counts before = landed_.counts;
  Status taken;
  switch (arrival.kind) {
    case Topic::Kind::data: taken = take_data(arrival); break;
    case Topic::Kind::hello: taken = take_hello(arrival); break;
    case Topic::Kind::status: taken = take_status(arrival); break;
  }
  if (!taken && (home_->broken() || stops_everything(taken.error().code))) return taken;
  if (!taken) {
    if (Status s = undo_one(); !s) return s;
    landed_.counts = before;
    if (Status s = refuse_for_good(arrival, "refused_by_database"); !s) return s;
  }
  const Counts& now = landed_.counts;
  const bool news = now.envelopes > before.envelopes || now.declared > before.declared;
  if (news && outlets_) {
    if (Status s = of_files(outlets_->take_envelope(today_, arrival.payload, packed_with_)); !s) {
      return s;
    }
  }
  return home_->end_one();
}

Status CollectorStore::take_data(const Arrival& arrival) {
  if (is_dictionary_message(arrival.payload)) return take_dictionary(arrival);
  const auto unopened = without_dictionary(arrival.payload);
  if (!unopened) return std::unexpected(unopened.error());
  if (*unopened) return refuse_without_dictionary(arrival, **unopened);
  const Result<Header> header = open_envelope(arrival.payload);
  if (!header) {
    const Code code = header.error().code;
    return code == Code::newer
               ? refuse(arrival, "newer")
               : refuse_for_good(arrival, code == Code::full ? "too_large" : "damaged");
  }
  if (header->gateway != arrival.gateway) return refuse(arrival, "foreign_gateway", header->range);
  if (header->lane != arrival.lane) return refuse(arrival, "foreign_lane", header->range);
  if (rows_.empty()) return take_loss(arrival, *header);
  return is_stand_in(*header) ? take_stand_in(arrival, *header) : take_envelope(arrival, *header);
}

Status CollectorStore::take_envelope(const Arrival& arrival, const Header& header) {
  const Range& range = header.range;
  if (range.first == 0 || range.last > Ledger::kSeqMax || range.count() != rows_.size()) {
    return refuse_for_good(arrival, "bad_range", range);
  }
  const LaneKey key{header.gateway, header.epoch, header.lane};
  Result<LaneEntry> lane = ledger_->lane(key);
  if (!lane) return std::unexpected(lane.error());
  const Result<Verdict> verdict = ledger_->judge(*lane, {range, header.previous, header.hash});
  if (!verdict) return std::unexpected(verdict.error());
  if (*verdict == Verdict::fork || *verdict == Verdict::unproven) {
    return take_in_doubt(arrival, *lane, header, *verdict);
  }
  touch(key, false);
  const std::uint64_t floor = header.floor <= range.first ? header.floor : range.first;
  if (Status s = ledger_->mark(*lane, floor, range.last); !s) return s;
  if (*verdict == Verdict::fresh) return take_fresh(*lane, header);
  return take_known(*lane, {range, header.hash, {range}});
}

// From `high` a gateway that does not have the envelope which ends there cannot tell that this has landed.
Status CollectorStore::take_known(LaneEntry& lane, const Comparison& answer) {
  ++lane.redelivered;
  ++landed_.counts.redelivered;
  if (lane.forks > 0 || answer.range.last < lane.high) tell(lane.key, Comparison(answer));
  return ledger_->advance(lane);
}

// The gateway is told what of it is known. It comes late, and is not there any more; or the rest of it is to be sent in
// another epoch.
Status CollectorStore::take_unproven(LaneEntry& lane, Comparison&& answer) {
  touch(lane.key, false);
  if (tell(lane.key, Comparison(answer))) {
    if (Status s = ledger_->renumber(lane, answer); !s) return s;
  }
  ++lane.redelivered;
  ++landed_.counts.redelivered;
  return ledger_->advance(lane);
}

// It was refused, and since then some of it has come in parts: the rest is on its way, or will be once it is refused
// again, if it is a restored image that sends it.
Result<bool> CollectorStore::was_split(const Arrival& arrival, const Compared& compared) {
  return compared.open ? ledger_->was_refused(crypto::sha256(arrival.payload))
                       : Result<bool>(false);
}

// Here the hash does not decide: the records do.
Status CollectorStore::take_in_doubt(const Arrival& arrival, LaneEntry& lane, const Header& header,
                                     Verdict verdict) {
  auto compared = compare({*ledger_, tables(), *timing_}, lane, header, rows_);
  if (!compared) return std::unexpected(compared.error());
  Comparison answer{header.range, chain_end(header), std::move(compared->known)};
  const bool other = compared->contradicted ||
                     (verdict == Verdict::fork && !compared->untold && !is_known(answer));
  if (!other && verdict == Verdict::unproven) {
    const auto split = was_split(arrival, *compared);
    if (!split) return std::unexpected(split.error());
    if (*split) return refuse_for_good(arrival, "refused_before");
  }
  return other ? fork(arrival, lane, std::move(answer)) : take_unproven(lane, std::move(answer));
}

// Some of the envelope's range has landed, but other records.
Result<bool> CollectorStore::landed_otherwise(const LaneEntry& lane, const Header& header) {
  const auto compared = compare({*ledger_, tables(), *timing_}, lane, header, rows_);
  if (!compared) return std::unexpected(compared.error());
  return compared->contradicted;
}

Status CollectorStore::take_fresh(LaneEntry& lane, const Header& header) {
  if (Status s = ledger_->land(lane, {header.range, header.previous, header.hash}); !s) return s;
  if (Status s = ledger_->advance(lane); !s) return s;
  ++landed_.counts.envelopes;
  return land_rows(lane, header, header.range);
}

Status CollectorStore::take_stand_in(const Arrival& arrival, const Header& header) {
  const Range& range = header.range;
  const Link link{range, header.previous, chain_end(header)};
  if (range.first == 0 || range.last > Ledger::kSeqMax || link.hash == kNoDigest) {
    return refuse(arrival, "bad_range", range);
  }
  const LaneKey key{header.gateway, header.epoch, header.lane};
  Result<LaneEntry> lane = ledger_->lane(key);
  if (!lane) return std::unexpected(lane.error());
  const Result<Verdict> verdict = ledger_->judge_stand_in(*lane, link);
  if (!verdict) return std::unexpected(verdict.error());
  if (*verdict == Verdict::fork || *verdict == Verdict::unproven) {
    return take_in_doubt(arrival, *lane, header, *verdict);
  }
  const auto open = ledger_->open_ranges(*lane, range);
  if (!open) return std::unexpected(open.error());
  if (*open != std::vector<Range>{range}) {
    const auto otherwise = landed_otherwise(*lane, header);
    if (!otherwise) return std::unexpected(otherwise.error());
    if (*otherwise) return take_in_doubt(arrival, *lane, header, *verdict);
  }
  touch(key, false);
  const std::uint64_t floor = header.floor <= range.first ? header.floor : range.first;
  if (Status s = ledger_->mark(*lane, floor, range.last); !s) return s;
  if (Status s = ledger_->land_stand_in(*lane, link, header.every); !s) return s;
  if (open->empty()) return take_known(*lane, {range, link.hash, {range}});
  ++landed_.counts.envelopes;
  if (Status s = ledger_->advance(*lane); !s) return s;
  for (const Range& part : *open) {
    if (Status s = land_rows(*lane, header, part); !s) return s;
  }
  return {};
}

// Of the envelope that is open, the rows whose seqs lie in `range`.
Status CollectorStore::land_rows(const LaneEntry& lane, const Header& header, const Range& range) {
  const std::string epoch = hex(header.epoch);
  const RowIdentity identity{header.gateway, epoch, header.lane, range.nth(0, header.every),
                             header.every};
  const Range before{header.range.first, range.first - 1};
  const auto rows =
      std::span<Row>(rows_).subspan(static_cast<std::size_t>(before.count_every(header.every)),
                                    static_cast<std::size_t>(range.count_every(header.every)));
  if (Status s = timing_->resolve(identity, lane.id, rows, now_, anchors_); !s) return s;
  if (Status s = tables().land(lane.id, identity, rows, anchors_); !s) return s;
  landed_.counts.rows += rows.size();
  if (!outlets_) return {};
  if (Status s = of_files(outlets_->take_rows(today_, identity, rows)); !s) return s;
  return file_rows_ ? of_files(file_rows_->note(lane.id, range, outlets_->pieces())) : Status();
}

Status CollectorStore::take_loss(const Arrival& arrival, const Header& header) {
  const Result<std::vector<Declaration>> declared = losses(header);
  if (!declared || declared->empty()) return refuse(arrival, "bad_range", header.range);
  const LaneKey key{header.gateway, header.epoch, header.lane};
  Result<LaneEntry> lane = ledger_->lane(key);
  if (!lane) return std::unexpected(lane.error());
  const std::uint64_t first = declared->front().range.first;
  const Link link{{first, declared->back().range.last}, header.previous, declared->back().through};
  const auto verdict = ledger_->judge_loss(*lane, link);
  if (!verdict) return std::unexpected(verdict.error());
  if (*verdict == Verdict::fork) return fork(arrival, *lane, {link.range, link.hash, {}});
  if (*verdict == Verdict::unproven) return take_unproven(*lane, {link.range, link.hash, {}});
  touch(key, false);
  if (lane->forks > 0) tell(key, {link.range, link.hash, {link.range}});
  const std::uint64_t floor = header.floor <= first ? header.floor : first;
  if (Status s = ledger_->mark(*lane, floor, 0); !s) return s;
  for (const Declaration& declaration : *declared) {
    if (Status s = ledger_->declare(*lane, declaration); !s) return s;
  }
  ++landed_.counts.declared;
  return ledger_->advance(*lane);
}

Status CollectorStore::take_hello(const Arrival& arrival) {
  const Result<HelloMessage> hello = parse_hello(as_text(arrival.payload));
  if (!hello) return refuse(arrival, "damaged");
  if (hello->gateway != arrival.gateway) return refuse(arrival, "foreign_gateway");
  if (is_probe(*hello)) return answer_probe(arrival, *hello);
  if (Status s = ledger_->seen(arrival.gateway, "online", now_); !s) return s;
  std::optional<HelloEcho> echo;
  if (arrival.received) {
    Status s = timing_->take_hello(arrival.gateway, *hello, *arrival.received);
    if (!s) return s;
    if (hello->clock) echo = HelloEcho{hello->clock->at, arrival.received->at};
  }
  return take_marks(arrival.gateway, hello->lanes, true, echo);
}

Status CollectorStore::answer_probe(const Arrival& arrival, const HelloMessage& hello) {
  AckMessage ack{.gateway = hello.gateway, .lane = std::string(kProbeLane)};
  if (hello.clock && arrival.received) ack.hello = HelloEcho{hello.clock->at, arrival.received->at};
  landed_.acks.push_back(std::move(ack));
  return {};
}

Status CollectorStore::take_status(const Arrival& arrival) {
  const Result<StatusMessage> status = parse_status(as_text(arrival.payload));
  if (!status) return refuse(arrival, "damaged");
  if (status->gateway != arrival.gateway) return refuse(arrival, "foreign_gateway");
  if (Status s = ledger_->seen(arrival.gateway, status->state, now_); !s) return s;
  return take_marks(arrival.gateway, status->lanes, false);
}

Status CollectorStore::take_marks(const std::string& gateway, std::span<const LaneMark> marks,
                                  bool answer, const std::optional<HelloEcho>& hello) {
  for (const LaneMark& mark : marks) {
    const LaneKey key{gateway, mark.epoch, mark.lane};
    Result<LaneEntry> lane = ledger_->lane(key);
    if (!lane) return std::unexpected(lane.error());
    if (Status s = answer ? ledger_->doubt(*lane, mark.last < lane->high) : Status(); !s) return s;
    if (Status s = ledger_->mark(*lane, mark.floor, mark.last); !s) return s;
    if (Status s = ledger_->advance(*lane); !s) return s;
    if (!answer) continue;
    Touched& touched = touch(key, false);
    touched.dictionaries = true;
    if (hello) touched.hello = hello;
  }
  return {};
}

}  // namespace pinaflux
