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
#include <tuple>
#include <utility>

#include "agent/collector/losses.h"
#include "platform/crypto/crypto.h"

namespace pinaflux {

namespace {

constexpr int kPageBytes = 4096;
constexpr int kCacheKibibytes = 64 * 1024;
constexpr std::int64_t kWalFramesMax = 8'192;  // 32 MiB; more only while a reader holds it.
constexpr std::size_t kShapesKept = 1'024;
constexpr std::size_t kArenaKept = 32 * 1024 * 1024;

// The disk's fault or another writer's: everything waits. All else is the envelope's.
bool stops_everything(Code code) {
  switch (code) {
    case Code::full:
    case Code::io:
    case Code::read_only:
    case Code::denied:
    case Code::busy:
    case Code::corrupt: return true;
    default: return false;
  }
}

// What was appended cannot be taken back alone: all of the transaction is.
Status of_files(Status appended) {
  if (!appended && !stops_everything(appended.error().code)) appended.error().code = Code::io;
  return appended;
}

Status recognise(sqlite::Database& database, bool& empty) {
  const Result<sqlite::FileMarks> marks = database.marks();
  if (!marks) return std::unexpected(marks.error());
  empty = marks->empty();
  if (empty) return {};
  if (marks->owner != CollectorStore::kApplicationId) {
    return fail(Code::invalid, "this is another program's database: name another file");
  }
  if (marks->version > CollectorStore::kVersion) {
    return fail(Code::newer, "this database was written by a newer collector: run that one");
  }
  return {};
}

bool is_probe(const HelloMessage& hello) {
  return hello.lanes.size() == 1 && hello.lanes.front().lane == kProbeLane;
}

}  // namespace

Counts& Counts::operator+=(const Counts& more) {
  envelopes += more.envelopes;
  rows += more.rows;
  redelivered += more.redelivered;
  declared += more.declared;
  forks += more.forks;
  rejects += more.rejects;
  return *this;
}

CollectorStore::CollectorStore(std::unique_ptr<FileLock> lock)
    : lock_(std::move(lock)), shapes_(std::make_unique<Shapes>()) {}

CollectorStore::~CollectorStore() = default;

Result<std::unique_ptr<CollectorStore>> CollectorStore::open(const Options& options, Files& files,
                                                             std::vector<std::string>& findings) {
  auto lock = lock_database(files, options.database);
  if (!lock) return std::unexpected(lock.error());
  std::unique_ptr<CollectorStore> store(new CollectorStore(std::move(*lock)));
  Result<std::unique_ptr<sqlite::Database>> database =
      sqlite::Database::open({.path = options.database,
                              .page_bytes = kPageBytes,
                              .cache_kibibytes = kCacheKibibytes,
                              .shared = true,
                              .vfs = files.sqlite_vfs()});
  if (!database) return std::unexpected(database.error());
  store->database_ = std::move(*database);
  if (Status s = store->prepare(options, files, findings); !s) return std::unexpected(s.error());
  return store;
}

Status CollectorStore::prepare(const Options& options, Files& files,
                               std::vector<std::string>& findings) {
  bool empty = false;
  if (Status s = recognise(*database_, empty); !s) return s;
  if (Status s = database_->make_durable(); !s) return s;
  begin_one_ = database_->prepare_later("SAVEPOINT one");
  undo_one_ = database_->prepare_later("ROLLBACK TO one");
  end_one_ = database_->prepare_later("RELEASE one");
  if (Status s = database_->begin(); !s) return s;
  const std::string marks = "PRAGMA application_id=" + std::to_string(kApplicationId) +
                            ";PRAGMA user_version=" + std::to_string(kVersion);
  if (Status s = database_->execute(marks.c_str()); !s) return s;
  Result<Ledger> ledger = Ledger::prepare(*database_);
  if (!ledger) return std::unexpected(ledger.error());
  ledger_ = std::make_unique<Ledger>(std::move(*ledger));
  Result<SqliteSink> tables = SqliteSink::prepare(*database_);
  if (!tables) return std::unexpected(tables.error());
  tables_ = std::make_unique<SqliteSink>(std::move(*tables));
  Result<Timing> timing = Timing::prepare(*database_);
  if (!timing) return std::unexpected(timing.error());
  timing_ = std::make_unique<Timing>(std::move(*timing));
  const Result<bool> unfinished = timing_->unfinished();
  if (!unfinished) return std::unexpected(unfinished.error());
  unfinished_ = *unfinished;
  if (Status s = open_files(options, files, findings); !s) return s;
  if (Status s = database_->commit(); !s) return s;
  // Written once more, unless a reader holds the WAL: a sync that failed under an earlier process may have kept it
  // from the disk, and what we read we acknowledge as a duplicate.
  std::ignore = database_->checkpoint(false);
  return {};
}

Status CollectorStore::land(std::span<const Arrival> arrivals, WallTime now, Landed& landed) {
  now_ = now;
  today_ = iso_day(now.ns);
  landed_ = Landed{};
  touched_.clear();
  if (Status s = database_->begin(); !s) return s;
  Status done = land_all(arrivals);
  if (done && files_) done = files_->flush();
  if (done) done = database_->commit();
  if (!done) {
    undo();
    return done;
  }
  if (files_) files_->committed();
  landed = std::move(landed_);
  // A reader may hold the WAL: then it grows, and the next commit tries again.
  if (database_->wal_frames() > kWalFramesMax) std::ignore = database_->checkpoint(false);
  return {};
}

Status CollectorStore::land_all(std::span<const Arrival> arrivals) {
  for (const Arrival& arrival : arrivals) {
    if (Status s = take(arrival); !s) return s;
  }
  const Result<bool> more = timing_->go_on();
  if (!more) return std::unexpected(more.error());
  unfinished_ = *more;
  return answer();
}

Status CollectorStore::open_files(const Options& options, Files& files,
                                  std::vector<std::string>& findings) {
  if (options.ndjson.directory.empty() && options.archive.empty()) return {};
  auto opened = DayFiles::open(files, *database_, findings);
  if (!opened) return std::unexpected(opened.error());
  files_ = std::move(*opened);
  for (const std::string& folder : {options.ndjson.directory, options.archive}) {
    Status made = folder.empty() ? Status() : files_->make_directory(folder);
    if (made) continue;
    findings.push_back("no file can be kept in " + folder + ": make it a folder of this user's");
    return made;
  }
  if (!options.ndjson.directory.empty()) ndjson_.emplace(options.ndjson, *files_);
  if (!options.archive.empty()) archive_.emplace(options.archive, *files_);
  return {};
}

void CollectorStore::undo() {
  database_->rollback();
  tables_->forget();
  unfinished_ = true;  // To be asked again.
  if (files_) files_->abandon();
}

Status CollectorStore::take(const Arrival& arrival) {
  if (arrival.unproved != nullptr) return refuse(arrival, arrival.unproved);
  if (Status s = begin_one_.run(); !s) return s;
  const Counts before = landed_.counts;
  Status taken;
  switch (arrival.kind) {
    case Topic::Kind::data: taken = take_data(arrival); break;
    case Topic::Kind::hello: taken = take_hello(arrival); break;
    case Topic::Kind::status: taken = take_status(arrival); break;
  }
  if (!taken && stops_everything(taken.error().code)) return taken;
  if (!taken) {
    if (Status s = undo_one_.run(); !s) return s;
    tables_->forget();
    landed_.counts = before;
    if (Status s = refuse_for_good(arrival, "refused_by_database"); !s) return s;
  }
  const Counts& now = landed_.counts;
  const bool news = now.envelopes > before.envelopes || now.declared > before.declared;
  if (Status s = news ? archive(arrival) : Status(); !s) return s;
  return end_one_.run();
}

Status CollectorStore::archive(const Arrival& arrival) {
  if (!archive_) return {};
  return of_files(archive_->append(today_, arrival.payload));
}

Status CollectorStore::take_data(const Arrival& arrival) {
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

Result<Header> CollectorStore::open_envelope(Bytes payload) {
  const bool large = arena_.bytes_used() > kArenaKept;
  rows_.clear();
  if (large) {
    arena_ = Arena(kRowsBytesMax);
  } else {
    arena_.reset();
  }
  if (shapes_->count() > kShapesKept) {
    tables_->forget();
    shapes_ = std::make_unique<Shapes>();
  }
  return opener_.open(payload, *shapes_, arena_, rows_);
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
  auto compared = compare({*ledger_, *tables_, *timing_}, lane, header, rows_);
  if (!compared) return std::unexpected(compared.error());
  Comparison answer{header.range, chain_end(header), std::move(compared->known)};
  const bool other = compared->contradicted || (verdict == Verdict::fork && !is_known(answer));
  if (!other && verdict == Verdict::unproven) {
    const auto split = was_split(arrival, *compared);
    if (!split) return std::unexpected(split.error());
    if (*split) return refuse_for_good(arrival, "refused_before");
  }
  return other ? fork(arrival, lane, std::move(answer)) : take_unproven(lane, std::move(answer));
}

// Some of the envelope's range has landed, but other records.
Result<bool> CollectorStore::landed_otherwise(const LaneEntry& lane, const Header& header) {
  const auto compared = compare({*ledger_, *tables_, *timing_}, lane, header, rows_);
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
  if (Status s = tables_->land(lane.id, identity, rows, anchors_); !s) return s;
  landed_.counts.rows += rows.size();
  if (!ndjson_) return {};
  return of_files(ndjson_->append(today_, identity, rows));
}

Status CollectorStore::take_loss(const Arrival& arrival, const Header& header) {
  const Result<std::vector<Declaration>> declared = losses(header);
  if (!declared || declared->empty()) return refuse(arrival, "bad_range", header.range);
  const LaneKey key{header.gateway, header.epoch, header.lane};
  Result<LaneEntry> lane = ledger_->lane(key);
  if (!lane) return std::unexpected(lane.error());
  const std::uint64_t first = declared->front().range.first;
  const Link link{{first, declared->back().range.last}, header.previous, declared->back().through};
  const auto verdict = ledger_->judge_loss(*lane, link, doubted_.contains(lane->id));
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
    // It has forgotten what it committed: an image was put back; or this hello is an old one.
    if (answer && mark.last < lane->high) doubted_.insert(lane->id);
    if (answer && mark.last >= lane->high) doubted_.erase(lane->id);
    if (Status s = ledger_->mark(*lane, mark.floor, mark.last); !s) return s;
    if (Status s = ledger_->advance(*lane); !s) return s;
    if (!answer) continue;
    Touched& touched = touch(key, false);
    if (hello) touched.hello = hello;
  }
  return {};
}

}  // namespace pinaflux
