// Opening: recognise the file, load its lanes, walk the queue once, match the lanes with those that are
// configured. Lanes are matched by what they are, not by their position: configured ones come first, in
// the order of the configuration; one that is no longer configured, or that an earlier gateway name
// filled, follows as long as it holds something, so that it is sent and not forgotten.

#include "agent/spool/store.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "agent/data/limits.h"
#include "agent/data/raw_lane.h"
#include "agent/spool/schema.h"

namespace pinaflux {

namespace {

constexpr const char* kDamagedMark = "spool.db.damaged-";

std::vector<std::string> names_set_aside(const SpoolOptions& options, Files& files) {
  auto names = files.list(options.directory).value_or(std::vector<std::string>());
  std::erase_if(names, [](const std::string& name) { return !name.starts_with(kDamagedMark); });
  return names;
}

std::uint64_t bytes_set_aside(const SpoolOptions& options, Files& files) {
  std::uint64_t bytes = 0;
  for (const auto& name : names_set_aside(options, files)) {
    if (const auto info = files.info(options.directory + "/" + name)) bytes += info->bytes_on_disk;
  }
  return bytes;
}

Status account(Lane& lane, std::uint64_t& next, const Entry& entry) {
  Progress& at = lane.at;
  if (entry.range.first != next || entry.range.last >= at.next_seq) {
    return fail(Code::corrupt, "the queue has a hole");
  }
  next = entry.range.last + 1;
  if (entry.kind == Kind::chunk) {
    ++at.pending_chunks;
    at.pending_bytes += entry.bytes;
  } else if (at.pending_chunks > 0) {
    return fail(Code::corrupt, "the queue is out of order");
  } else {
    at.sealed_last = entry.range.last;
  }
  if (entry.kind == Kind::tombstone) return {};
  if (at.records == 0) {
    at.oldest = {entry.time_first, entry.boot};
    at.oldest_age = entry.age;
  }
  at.records += entry.records();
  at.bytes += entry.bytes;
  if (entry.every > 1) at.thin_every = std::max(at.thin_every, entry.every);
  return {};
}

Status walk(Store& store, std::vector<Lane>& lanes) {
  std::vector<std::uint64_t> next;
  for (Lane& lane : lanes) {
    lane.at.sealed_last = lane.at.acked;
    next.push_back(lane.at.acked + 1);
  }
  Entry at;
  for (;;) {
    const auto entry = store.queue->after(at);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) break;
    at = **entry;
    const auto lane = std::ranges::find(lanes, at.lane, &Lane::id);
    if (lane == lanes.end()) return fail(Code::corrupt, "the queue has entries of no lane");
    auto& expected = next[static_cast<std::size_t>(lane - lanes.begin())];
    if (Status s = account(*lane, expected, at); !s) return s;
    store.age = std::max(store.age, at.age);
    store.version = std::max(store.version, schema::version_for(at));
  }
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if (next[i] != lanes[i].at.next_seq) return fail(Code::corrupt, "the queue's end is missing");
  }
  return {};
}

bool empty(const Lane& lane) { return lane.at.next_seq == lane.at.acked + 1; }

void tell_of(const Lane& lane, const SpoolOptions& options, std::vector<std::string>& findings) {
  std::string text = "lane '" + lane.name + "'";
  if (lane.gateway != options.gateway) text += " of gateway '" + lane.gateway + "'";
  const bool ours =
      lane.gateway == options.gateway &&
      std::ranges::find(options.lanes, lane.name, &LaneOptions::name) != options.lanes.end();
  text += ours ? " of an earlier queue" : " is not configured any more";
  text += ": " + std::to_string(lane.at.records) + " queued records are still sent";
  findings.push_back(std::move(text));
}

// What nobody wants to replay any more.
Status discard(Store& store, Lane& lane) {
  while (!empty(lane)) {
    const auto entry = store.queue->at_or_after(lane.id, lane.at.acked + 1);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) return fail(Code::corrupt, "the queue's end is missing");
    if (Status s = store.queue->erase(**entry); !s) return s;
    lane.at.acked = (*entry)->range.last;
  }
  return store.save(lane);
}

Status match(Store& store, std::vector<Lane>& found, const SpoolOptions& options,
             const std::vector<LaneId>& keep, std::vector<std::string>& findings) {
  for (const LaneOptions& wanted : options.lanes) {
    auto lane = std::ranges::find_if(found, [&](const Lane& l) {
      return l.name == wanted.name && l.gateway == options.gateway && l.epoch == store.epoch;
    });
    if (lane == found.end()) {
      auto added = schema::add_lane(*store.database, options.gateway, wanted.name, store.epoch);
      if (!added) return std::unexpected(added.error());
      store.lanes.push_back(std::move(*added));
    } else {
      store.lanes.push_back(std::move(*lane));
      found.erase(lane);
    }
    store.lanes.back().when_full = wanted.when_full;
    store.lanes.back().keep = wanted.keep;
    store.lanes.back().bytes_max = wanted.bytes_max;
    store.lanes.back().order = wanted.order;
    store.lanes.back().backlog_share = wanted.backlog_share;
    store.version = std::max(store.version, schema::version_for(wanted));
  }
  for (Lane& lane : found) {
    if (empty(lane) && std::ranges::find(keep, lane.id) == keep.end()) continue;
    if (lane.name == kRawLane) {
      if (Status s = discard(store, lane); !s) return s;
      continue;
    }
    tell_of(lane, options, findings);
    if (store.lanes.size() < limits::kLanesMax) {
      store.lanes.push_back(std::move(lane));
    } else {
      findings.back() += " after the others, at a later start: there are too many lanes";
    }
  }
  return {};
}

// Nothing is written before it is known that the file is ours, and that its rows can be opened.
Status prepare_file(Store& store, const SpoolOptions& options, const Roots& roots, WallTime now,
                    Entropy& entropy, std::vector<std::string>& findings) {
  const Result<bool> made = schema::recognise(*store.database);
  if (!made) return std::unexpected(made.error());
  auto encryption =
      Encryption::recognise(*store.database, roots, &entropy, options.key_messages_max, findings);
  if (!encryption) return std::unexpected(encryption.error());
  store.encryption = std::move(*encryption);
  if (Status s = schema::prepare(*store.database, *made, options.gateway, now, entropy); !s) {
    return s;
  }
  return store.encryption->prepare();
}

void prepare_tables(Store& store, const SpoolOptions& options) {
  store.queue.emplace(*store.database, store.encryption.get());
  store.notes.emplace(*store.database, *store.encryption);
  store.letters.emplace(*store.database, *store.encryption, letter_bytes(options));
  store.save_lane = schema::prepare_save(*store.database);
}

// In the running transaction.
Status tidy_dictionaries(Store& store, const std::vector<Lane>& lanes,
                         const SpoolOptions& options) {
  const auto wanted = [&](const Lane& lane) {
    return options.dictionaries && lane.gateway == options.gateway && lane.epoch == store.epoch &&
           std::ranges::contains(options.lanes, lane.name, &LaneOptions::name);
  };
  if (Status s = store.dictionaries.tidy(*store.notes, lanes, wanted); !s) return s;
  if (store.dictionaries.any()) store.version = schema::kVersionDictionaries;
  return {};
}

Status load(Store& store, const SpoolOptions& options, const std::vector<LaneId>& keep,
            std::vector<std::string>& findings) {
  auto epoch = schema::epoch(*store.database);
  if (!epoch) return std::unexpected(epoch.error());
  store.epoch = *epoch;
  auto lanes = schema::lanes(*store.database, *store.encryption);
  if (!lanes) return std::unexpected(lanes.error());
  if (Status s = walk(store, *lanes); !s) return s;
  store.dictionaries.load(*store.notes, *lanes);
  Status matched = store.database->begin();
  if (matched) matched = tidy_dictionaries(store, *lanes, options);
  if (matched) matched = match(store, *lanes, options, keep, findings);
  if (matched) matched = schema::raise_version(*store.database, store.version);
  if (matched) matched = store.database->commit();
  if (!matched) {
    store.database->rollback();
    return matched;
  }
  return store.count_letters();
}

Status prepare_room(Store& store, const SpoolOptions& options, Files& files,
                    std::vector<std::string>& findings) {
  auto file = files.open(database_path(options), Files::Mode::write);
  if (!file) return std::unexpected(file.error());
  store.file = std::move(*file);
  const auto system = files.file_system(options.directory);
  auto room = Room::prepare(*store.database,
                            {.files = &files,
                             .file = store.file.get(),
                             .path = database_path(options),
                             .in_memory = system && system->in_memory},
                            options.bytes_max, bytes_set_aside(options, files));
  if (!room) return std::unexpected(room.error());
  store.room.emplace(std::move(*room));
  if (const std::int64_t missing = store.room->bytes_missing(); missing > 0) {
    findings.push_back("the disk has no space for " + std::to_string((missing >> 10) + 1) +
                       " KiB of the " + std::to_string(options.bytes_max >> 10) +
                       " KiB that the queue may take: it works with less until there is; make room "
                       "or lower spool.size_max");
  }
  return {};
}

// SQLite syncs the directory of a new journal or WAL, and does not look whether that worked. Nor is it known
// whether the file's first page was ever synced: SQLite deletes the WAL of an empty file.
Status make_certain(Store& store, const SpoolOptions& options, Files& files) {
  if (Status s = files.sync_directory(options.directory); !s) return s;
  return store.database->renew_wal();
}

// Lanes that are not loaded, too: all keys but the current one are to become unused.
Status convert_chains(Store& store) {
  std::vector<std::pair<LaneId, Buffer>> old;
  {
    auto select = store.database->prepare("SELECT id,chain FROM lanes");
    if (!select) return std::unexpected(select.error());
    for (;;) {
      const Result<bool> row = select->step();
      if (!row) return std::unexpected(row.error());
      if (!*row) break;
      const Bytes chain = select->blob(1);
      if (store.encryption->is_current(Encryption::key_of_chain(chain))) continue;
      old.emplace_back(select->integer(0), Buffer(chain.begin(), chain.end()));
    }
  }
  auto update = store.database->prepare("UPDATE lanes SET chain=?2 WHERE id=?1");
  if (!update) return std::unexpected(update.error());
  for (auto& [id, chain] : old) {
    const auto digest = store.encryption->open_chain(id, chain);
    if (!digest) return std::unexpected(digest.error());
    if (Status s = store.encryption->seal_chain(id, *digest, chain); !s) return s;
    update->bind(1, id);
    update->bind(2, Bytes(chain));
    if (Status s = update->run(); !s) return s;
  }
  return {};
}

Result<std::size_t> convert_some(Store& store, LetterId& letter) {
  const auto notes = store.notes->convert();
  if (!notes || *notes > 0) return notes;
  return store.letters->convert(letter);
}

}  // namespace

std::uint64_t letter_bytes(const SpoolOptions& options) {
  return options.letter_bytes_max > 0 ? options.letter_bytes_max
                                      : Letters::bytes_for(options.bytes_max);
}

std::string database_path(const SpoolOptions& options) { return options.directory + "/spool.db"; }

Result<Store> Store::open(const SpoolOptions& options, const Roots& roots, Files& files,
                          WallTime now, Entropy& entropy, std::vector<std::string>& findings,
                          const std::vector<LaneId>& keep) {
  // The names that an earlier start left: were a journal to come back under pages written since, SQLite
  // would roll them back.
  if (Status s = files.sync_directory(options.directory); !s) return std::unexpected(s.error());
  Store store;
  auto database = sqlite::Database::open({.path = database_path(options),
                                          .page_bytes = static_cast<int>(Room::kPageBytes),
                                          .cache_kibibytes = 512,
                                          .vfs = files.sqlite_vfs()});
  if (!database) return std::unexpected(database.error());
  store.database = std::move(*database);
  if (store.database->read_only()) return fail(Code::read_only, "spool.db cannot be written");
  if (Status s = prepare_file(store, options, roots, now, entropy, findings); !s) {
    return std::unexpected(s.error());
  }
  if (Status s = make_certain(store, options, files); !s) return std::unexpected(s.error());
  prepare_tables(store, options);
  if (Status s = load(store, options, keep, findings); !s) return std::unexpected(s.error());
  if (Status s = prepare_room(store, options, files, findings); !s) {
    return std::unexpected(s.error());
  }
  // What does not fit now is written anew at a later start.
  if (Status s = store.tidy(); !s && s.error().code != Code::full) {
    return std::unexpected(s.error());
  }
  return store;
}

Status Store::tidy() {
  const std::int64_t least =
      encryption->has_tables() ? schema::kVersionEncrypted : schema::kVersion;
  for (const auto passed : {schema::kVersionDictionaries, schema::kVersionSplit,
                            schema::kVersionThinned, schema::kVersionUnordered}) {
    if (version >= passed) break;
    Status s = schema::lower_version(*database, passed, std::max(version, least));
    if (!s) return s;
  }
  if (!encryption->has_tables()) return {};
  LetterId letter = 0;
  for (std::size_t converted = 1; converted > 0;) {
    if (Status s = database->begin(); !s) return s;
    const auto some = convert_some(*this, letter);
    Status done = some ? Status() : std::unexpected(some.error());
    if (done && *some == 0) done = convert_chains(*this);
    if (done) done = database->commit();
    if (!done) {
      database->rollback();
      return done;
    }
    converted = *some;
    if (Status s = room->checkpoint_if_due(); !s) return s;
  }
  return encryption->forget_unused();
}

Status Store::write_dictionaries(std::int64_t bytes_beside, std::int64_t lived) {
  if (Status s = dictionaries.expire(*notes, lanes, lived); !s) return s;
  const std::int64_t bytes = dictionaries.bytes_due();
  if (bytes == 0) return {};
  const auto fits = room->fits(bytes_beside + bytes);
  if (!fits) return std::unexpected(fits.error());
  if (!*fits) return {};
  Status s = schema::raise_version(*database, schema::kVersionDictionaries);
  return s ? dictionaries.write(*notes, lanes, lived) : s;
}

Status Store::count_letters() {
  const auto totals = letters->totals();
  if (!totals) return std::unexpected(totals.error());
  letter_count = totals->letters;
  return {};
}

Status Store::save(const Lane& lane) {
  Buffer chain;
  if (Status s = encryption->seal_chain(lane.id, lane.at.chain, chain); !s) return s;
  save_lane.bind(1, lane.id);
  save_lane.bind(2, static_cast<std::int64_t>(lane.at.next_seq));
  save_lane.bind(3, static_cast<std::int64_t>(lane.at.acked));
  save_lane.bind(4, static_cast<std::int64_t>(lane.at.shed));
  save_lane.bind(5, Bytes(chain));
  return save_lane.run();
}

Status Store::find_front(Lane& lane) {
  lane.at.front_moved = false;
  lane.at.oldest = {};
  if (lane.at.records == 0) return {};
  const auto front = queue->at_or_after(lane.id, 0, true);
  if (!front) return std::unexpected(front.error());
  if (!*front) return fail(Code::corrupt, "the queue has lost its front");
  lane.at.oldest = {(*front)->time_first, (*front)->boot};
  lane.at.oldest_age = (*front)->age;
  return {};
}

std::string name_set_aside(const SpoolOptions& options, Files& files) {
  for (auto& name : names_set_aside(options, files)) {
    if (!name.ends_with("-wal")) return std::move(name);
  }
  return {};
}

Status set_aside(const SpoolOptions& options, Files& files, WallTime now, const char* why,
                 std::vector<std::string>& findings) {
  for (const auto& old : names_set_aside(options, files)) {
    std::ignore = files.remove(options.directory + "/" + old);
  }
  const std::string from = database_path(options);
  const std::string name = kDamagedMark + std::to_string(now.ns / 1'000'000'000);
  const std::string to = options.directory + "/" + name;
  // The WAL first: left behind alone, it would be taken for the new file's.
  if (Status s = files.rename(from + "-wal", to + "-wal");
      !s && s.error().code != Code::not_found) {
    return fail(Code::io, "the damaged spool.db-wal cannot be moved away", s.error().sys_errno);
  }
  if (Status s = files.rename(from, to); !s) {
    return fail(Code::io, "the damaged spool.db cannot be moved away", s.error().sys_errno);
  }
  findings.push_back("spool.db could not be used (" + std::string(why) + "): it was put aside as " +
                     name + " and a new queue was begun");
  return files.sync_directory(options.directory);
}

}  // namespace pinaflux
