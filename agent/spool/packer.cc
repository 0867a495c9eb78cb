// What goes where, for one lane and one commit:
//
//   the uplink has a place            all chunks and the new records are sealed, and leased at once
//   they would fill an envelope       the same, without the lease; a tail that is less than half an
//                                     envelope (in bytes and in records) becomes a chunk again
//   neither                           the new records alone become a chunk
//
// A chunk is an envelope's body without its header: one encoding serves both, and what to make of it is
// decided when its size is known. Chunks of a backlog are therefore read once and written once more,
// inside the envelope (only a tail is written a third time). Whether chunks together fill an envelope
// is judged by their bytes times the gain that the lane's last merge had: a hundred chunks of ten
// records become one envelope of a third of their bytes.
//
// Effort: fast while records stream in, or somebody waits; max when it is mostly old chunks that
// are merged while the link is down: then bytes on the metered link are dearer than time.

#include "agent/spool/packer.h"

#include <algorithm>
#include <utility>

#include "agent/data/limits.h"
#include "agent/spool/tombstone.h"
#include "agent/spool/waiting.h"

namespace pinaflux {

namespace {

constexpr std::size_t kGoodEnvelopeBytes = limits::kEnvelopeBytesMax / 2;
// Memory is taken by opened records (10 fields: 160 bytes each), so a backlog is not merged further than this:
// 8,192 of a meter's are 47 KB sealed.
constexpr std::size_t kGoodEnvelopeRecords = limits::kEnvelopeRecordsMax / 2;
// Of an arena: then what is open is sealed.
constexpr std::size_t kOpenedBytesGood = std::size_t{3} * 1024 * 1024;
constexpr double kMergeGainMax = 16.0;

Bytes body_of(Bytes envelope) {
  const auto end = std::ranges::find(envelope, std::uint8_t{'\n'});
  ASSERT(end != envelope.end());
  return envelope.subspan(static_cast<std::size_t>(end - envelope.begin()) + 1);
}

// A handful of records is mostly header: they would teach a large group's size wrongly.
void learn(double& average, std::size_t bytes, std::size_t records) {
  if (records < 32 && average != 0.0) return;
  const double sample = static_cast<double>(bytes) / static_cast<double>(records);
  average = average == 0.0 ? sample : average * 0.8 + sample * 0.2;
}

Lease lease_of(const Packer::Job& job, const Entry& entry, Buffer&& bytes,
               const std::string& dictionary = {}) {
  return {
      .lane = job.index,
      .epoch = job.lane.epoch,
      .range = entry.range,
      .hash = entry.hash,
      .records = entry.records(),
      .bytes = std::move(bytes),
      .round = job.lane.round,
      .dictionary = dictionary.empty() ? nullptr : job.dictionaries->sent(job.lane.id, dictionary)};
}

}  // namespace

// Merges are rare, and the memory that they take is more than anything else here holds.
class Packer::Opened {
 public:
  explicit Opened(Packer& packer) : packer_(packer) { packer.forget_opened(); }
  ~Opened() {
    packer_.forget_opened();
    if (!merged_) return;
    packer_.arena_ = Arena(kOpenedArenaBytesMax);
    packer_.rows_ = std::vector<Row>();
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  void merged() { merged_ = true; }

 private:
  Packer& packer_;
  bool merged_ = false;
};

Packer::Packer(std::uint64_t generation)
    : generation_(generation), shapes_(std::make_unique<Shapes>()), arena_(kOpenedArenaBytesMax) {}

Status Packer::take(Job& job, std::span<const Record> records) {
  if (job.lane.order == LaneOptions::Order::oldest) {
    if (Status s = lease(job); !s) return s;
    return pack(job, records);
  }
  const auto kept = places_of_backlog(job);
  if (!kept) return std::unexpected(kept.error());
  job.places -= *kept;
  if (Status s = pack(job, records); !s) return s;
  job.places += *kept;
  return lease(job);
}

// What comes in has its places first, but once a batch age only: else each free place would take a handful
// of records. The backlog's share is saved up, because places come one by one.
Result<std::size_t> Packer::places_of_backlog(const Job& job) {
  if (job.sealed_only) return job.places;
  if (job.lane.order == LaneOptions::Order::newest || job.places == 0) return 0;
  const auto waiting = waiting::oldest(job.queue, job.lane);
  if (!waiting) return std::unexpected(waiting.error());
  double& credit = job.lane.at.backlog_credit;
  if (!*waiting) credit = 0.0;
  if (!*waiting) return 0;
  credit += static_cast<double>(job.places) * job.lane.backlog_share;
  const auto kept = std::min(static_cast<std::size_t>(credit), job.places);
  credit -= static_cast<double>(kept);
  return kept;
}

Status Packer::lease_in_order(Job& job) {
  return job.lane.order == LaneOptions::Order::oldest ? lease(job) : Status();
}

Status Packer::lease(Job& job) {
  Progress& at = job.lane.at;
  while (job.places > 0) {
    const auto found = waiting::next(job.queue, job.lane);
    if (!found) return std::unexpected(found.error());
    if (!*found) return {};
    Entry entry = **found;
    Buffer bytes;
    Status read = entry.bytes == 0 && entry.kind == Kind::tombstone
                      ? tombstone::seal(job.queue, job.lane, entry, generation_, sealer_, bytes)
                      : job.queue.body(entry, bytes);
    const bool unreadable = !read && read.error().code == Code::invalid;
    if (unreadable || (entry.damaged && entry.kind == Kind::tombstone)) {
      if (Status s = replace_damaged(job, entry); !s) return s;
      continue;
    }
    if (!read) return read;
    // Sent as it is, it would be refused for ever, and the lane would wait behind it.
    const auto header = entry.kind == Kind::envelope ? Opener::verify(bytes) : Header();
    if (!header) {
      if (Status s = tombstone::entomb(job.queue, job.lane, entry, Loss::damaged); !s) return s;
      continue;
    }
    if (entry.damaged) entry.hash = chain_end(Opener::header(bytes).value_or(Header()));
    job.leases.push_back(lease_of(job, entry, std::move(bytes), header->dictionary));
    at.leased.add(entry.range);
    --job.places;
  }
  return {};
}

// What cannot be read any more is declared lost, and leased as that. A tombstone says the same again.
Status Packer::replace_damaged(Job& job, const Entry& entry) {
  if (entry.kind == Kind::envelope) {
    return tombstone::entomb(job.queue, job.lane, entry, Loss::damaged);
  }
  Buffer bytes;
  return tombstone::seal(job.queue, job.lane, entry, generation_, sealer_, bytes);
}

Status Packer::pack(Job& job, std::span<const Record> records) {
  const bool pending = job.lane.at.pending_chunks > 0;
  if (records.empty() && (!pending || job.places == 0)) return {};
  Lane& lane = job.lane;
  const auto bytes_pending = static_cast<double>(lane.at.pending_bytes);
  const double bytes_added = lane.bytes_per_record * static_cast<double>(records.size());
  Opened opened(*this);
  bytes_made_ = 0;
  rows_first_ = lane.at.next_seq;
  const bool merging = pending && must_merge(job, records.size());
  if (merging) {
    opened.merged();
    // At once: grown step by step, the largest steps would be there twice.
    const std::uint64_t waiting = rows_first_ - 1 - lane.at.sealed_last;
    const std::uint64_t most = std::min<std::uint64_t>(waiting, limits::kEnvelopeRecordsMax);
    rows_.reserve(static_cast<std::size_t>(most) + records.size());
    if (Status s = merge(job); !s) return s;
  }
  const std::size_t old_count = rows_.size();
  adopt(records);
  lane.at.next_seq += records.size();
  if (!records.empty()) lane.at.changed = true;
  const bool hurry = job.places > 0 || records.size() >= old_count;
  Status sealed = seal_rows(job, rows_first_, hurry ? Effort::fast : Effort::max,
                            pending && !merging ? Make::chunks : Make::envelopes_and_tail);
  if (sealed) merge_first_ = false;
  if (sealed && merging && bytes_pending > bytes_added && bytes_made_ > 0) {
    const double gain = (bytes_pending + bytes_added) / static_cast<double>(bytes_made_);
    lane.merge_gain = std::clamp(gain, 1.0, kMergeGainMax);
  }
  return sealed;
}

Status Packer::seal(Job& job) {
  ASSERT(job.places == 0);
  if (job.lane.at.pending_chunks == 0) return {};
  forget_opened();
  if (Status s = merge(job); !s) return s;
  return seal_rows(job, rows_first_, Effort::max, Make::envelopes);
}

Result<std::uint64_t> Packer::enter(Job& job, Bytes envelope, const Dictionaries& dictionaries,
                                    std::span<const Range> known) {
  if (Status s = seal(job); !s) return std::unexpected(s.error());
  Opened opened(*this);
  opened.merged();
  opener_.look_in(&dictionaries);
  const auto header = opener_.open(envelope, *shapes_, arena_, rows_);
  opener_.look_in(nullptr);
  if (!header && header.error().code == Code::newer)
    return fail(Code::corrupt, "the dictionary of an envelope is lost");
  if (!header) return std::unexpected(header.error());
  std::uint64_t seq = header->range.nth(0, header->every);
  std::erase_if(rows_, [&](const Row&) {
    const std::uint64_t its = std::exchange(seq, seq + header->every);
    return std::ranges::any_of(known,
                               [&](const Range& r) { return r.first <= its && its <= r.last; });
  });
  const std::size_t count = rows_.size();
  Progress& at = job.lane.at;
  rows_first_ = at.next_seq;
  at.next_seq += count;
  at.changed = true;
  Status sealed = seal_rows(job, rows_first_, Effort::standard, Make::envelopes);
  return sealed ? Result<std::uint64_t>(count) : std::unexpected(sealed.error());
}

Status Packer::bury(Job& job, const Entry& like, std::uint64_t count) {
  if (Status s = seal(job); !s) return s;
  Progress& at = job.lane.at;
  Entry grave = like;
  grave.lane = job.lane.id;
  grave.kind = Kind::tombstone;
  grave.range = {at.next_seq, at.next_seq + count - 1};
  grave.every = 1;
  grave.bytes = 0;
  grave.damaged = false;
  at.next_seq += count;
  return put_grave(job, grave);
}

Status Packer::seal(Queue& queue, const Lane& lane, const Entry& tombstone, Buffer& bytes) {
  return tombstone::seal(queue, lane, tombstone, generation_, sealer_, bytes);
}

bool Packer::must_merge(const Job& job, std::size_t record_count) const {
  if (job.places > 0 || merge_first_) return true;
  const Progress& at = job.lane.at;
  const std::uint64_t pending = at.next_seq - 1 - at.sealed_last;
  const double added = job.lane.bytes_per_record * static_cast<double>(record_count);
  const double full = static_cast<double>(limits::kEnvelopeBytesMax) * job.lane.merge_gain;
  return pending + record_count >= kGoodEnvelopeRecords ||
         static_cast<double>(at.pending_bytes) + added >= full;
}

// Leaves in rows_ what was opened last and not sealed yet; all chunks are gone from the queue.
Status Packer::merge(Job& job) {
  const Progress& at = job.lane.at;
  rows_first_ = at.sealed_last + 1;
  while (at.pending_chunks > 0) {
    const auto chunk = job.queue.at_or_after(job.lane.id, at.sealed_last + 1 + rows_.size());
    if (!chunk) return std::unexpected(chunk.error());
    if (!*chunk || (*chunk)->kind != Kind::chunk) {
      return fail(Code::corrupt, "a chunk of the spool is missing");
    }
    if (Status s = take_chunk(job, **chunk); !s) return s;
  }
  return {};
}

// A chunk that cannot be opened even alone is declared lost: damage does not stop the lane.
Status Packer::take_chunk(Job& job, const Entry& chunk) {
  if (Status s = job.queue.body_or_nothing(chunk, body_); !s) return s;
  if (rows_.size() + chunk.range.count() > limits::kEnvelopeRecordsMax ||
      arena_.bytes_used() > kOpenedBytesGood) {
    if (Status s = seal_opened(job); !s) return s;
  }
  if (!open_chunk(chunk)) {
    if (Status s = seal_opened(job); !s) return s;
    if (!open_chunk(chunk)) {
      Status s = tombstone::entomb(job.queue, job.lane, chunk, Loss::damaged);
      rows_first_ = job.lane.at.sealed_last + 1;
      return s ? lease_in_order(job) : s;
    }
  }
  Progress& at = job.lane.at;
  --at.pending_chunks;
  at.pending_bytes -= chunk.bytes;
  at.records -= chunk.range.count();
  at.bytes -= chunk.bytes;
  at.front_moved = true;
  return job.queue.erase(chunk);
}

Status Packer::open_chunk(const Entry& chunk) {
  const std::size_t before = rows_.size();
  Status opened = opener_.open_body(body_, *shapes_, arena_, rows_);
  if (opened && rows_.size() - before != chunk.range.count()) {
    opened = fail(Code::corrupt, "a chunk does not hold what its row says");
  }
  if (!opened) rows_.resize(before);
  return opened;
}

// Everything opened so far goes into envelopes, so that the memory can be used again.
Status Packer::seal_opened(Job& job) {
  const Status sealed = seal_rows(job, rows_first_, Effort::max, Make::envelopes);
  const std::uint64_t next = rows_first_ + rows_.size();
  forget_opened();
  rows_first_ = next;
  return sealed;
}

// New records join opened ones under the opened ones' shapes, or the body would hold each table twice.
void Packer::adopt(std::span<const Record> records) {
  const bool translate = !rows_.empty();
  std::unordered_map<const Shape*, const Shape*> known;
  const Shape* last = nullptr;
  const Shape* last_known = nullptr;
  std::vector<std::string_view> fields;
  rows_.reserve(rows_.size() + records.size());
  for (const Record& record : records) {
    Row row = record.row();
    if (translate) {
      if (row.shape != last) {
        last = row.shape;
        const Shape*& mine = known[last];
        if (mine == nullptr) {
          fields.assign(last->fields().begin(), last->fields().end());
          mine = shapes_->intern(last->stream(), fields);
          if (mine == nullptr) mine = last;
        }
        last_known = mine;
      }
      row.shape = last_known;
    }
    rows_.push_back(row);
  }
}

void Packer::forget_opened() {
  rows_.clear();
  arena_.reset();
  if (shapes_->count() > 0) shapes_ = std::make_unique<Shapes>();
}

// Chunks only: older ones stay in front of these rows, so none of them may become an envelope.
Status Packer::seal_rows(Job& job, std::uint64_t first, Effort effort, Make make) {
  if (anchor_) {
    for (Row& row : rows_) row.time = anchor_->resolve(row.time);
  }
  std::span<const Row> rows(rows_);
  std::size_t bytes_max = job.bytes_max;
  while (!rows.empty()) {
    Lane& lane = job.lane;
    Header header;
    header.gateway = lane.gateway;
    header.lane = lane.name;
    header.epoch = lane.epoch;
    header.range.first = first;
    header.floor = lane.at.acked + 1;
    header.generation = generation_;
    header.previous = lane.at.chain;
    Buffer bytes;
    std::size_t taken = 0;
    const Dictionary* const usable = pack_with(job);
    sealer_.use(usable);
    Status sealed = sealer_.draft(rows, effort, bytes_max, header, bytes, taken);
    sealer_.use(nullptr);
    const bool alone = !sealed && sealed.error().code == Code::full && taken <= 1;
    // What the far end takes may change; what an envelope holds does not.
    if (alone && bytes_max < limits::kEnvelopeBytesMax) {
      bytes_max = limits::kEnvelopeBytesMax;
      continue;
    }
    bytes_max = job.bytes_max;
    if (alone) {
      if (Status s = give_up(job, rows.front(), first, make); !s) return s;
      ++first;
      rows = rows.subspan(1);
      continue;
    }
    if (!sealed) return sealed;
    ASSERT(taken > 0 && taken <= rows.size());
    learn(lane.bytes_per_record, bytes.size(), taken);
    bytes_made_ += bytes.size();
    const bool full =
        taken < rows.size() || taken >= kGoodEnvelopeRecords || bytes.size() >= kGoodEnvelopeBytes;
    const bool chunk =
        make == Make::chunks || (make == Make::envelopes_and_tail && !full && job.places == 0);
    header.range = {first, first + taken - 1};
    if (!chunk) Sealer::finish(header, bytes);
    const bool leaves = !chunk && job.places > 0;
    Status put =
        chunk ? put_chunk(job, header, bytes) : put_envelope(job, header, std::move(bytes));
    if (!put) return put;
    if (leaves && job.takes_dictionaries)
      job.dictionaries->sealed(lane, sealer_.plain_body(), usable, !header.dictionary.empty());
    first += taken;
    rows = rows.subspan(taken);
  }
  return {};
}

// Only what leaves at once: a backlog is merged into envelopes that need none, and stand alone.
const Dictionary* Packer::pack_with(const Job& job) {
  if (!job.takes_dictionaries || job.places == 0) return nullptr;
  return job.dictionaries->usable(job.lane, job.far_end_has);
}

// A record that fits into no envelope (ten thousand fields, each a hash after masking) is declared lost in
// its place: it must not stop its lane. An operator finds it among the dead letters.
Status Packer::give_up(Job& job, const Row& row, std::uint64_t seq, Make make) {
  if (make == Make::chunks) {
    merge_first_ = true;
    return fail(Code::full, "a record is larger than an envelope may be");
  }
  Entry grave;
  grave.lane = job.lane.id;
  grave.kind = Kind::tombstone;
  grave.range = {seq, seq};
  grave.time_first = grave.time_last = row.time.ns;
  grave.boot = row.time.boot;
  grave.loss = Loss::too_large;
  if (Status s = put_grave(job, grave); !s) return s;
  if (job.given_up != nullptr) {
    Status s = job.given_up->keep(row, job.lane.name, loss_name(grave.loss));
    if (!s) return s;
  }
  return lease_in_order(job);
}

// Of seqs behind everything that is sealed: the chain goes on over them as it was.
Status Packer::put_grave(Job& job, Entry& grave) {
  Progress& at = job.lane.at;
  grave.age = job.age;
  grave.hash = grave.previous = at.chain;
  if (Status s = job.queue.put(grave, {}); !s) return s;
  at.sealed_last = grave.range.last;
  at.shed += grave.range.count();
  at.changed = true;
  return {};
}

Status Packer::check_names(const std::string& gateway, const std::string& lane) {
  Header header;
  header.gateway = gateway;
  header.lane = lane;
  header.range.first = 1;
  std::size_t taken = 0;
  body_.clear();
  return sealer_.seal({}, Effort::fast, limits::kEnvelopeBytesMax, header, body_, taken);
}

Status Packer::put_envelope(Job& job, Header& header, Buffer&& bytes) {
  Entry entry;
  entry.lane = job.lane.id;
  entry.kind = Kind::envelope;
  entry.range = header.range;
  take_times(entry, header);
  entry.age = job.age;
  entry.hash = header.hash;
  entry.previous = header.previous;
  entry.bytes = bytes.size();
  if (Status s = job.queue.put(entry, bytes); !s) return s;
  Progress& at = job.lane.at;
  if (at.records == 0) at.front_moved = true;
  at.records += entry.range.count();
  at.bytes += entry.bytes;
  at.sealed_last = entry.range.last;
  at.chain = entry.hash;
  at.changed = true;
  if (job.places > 0) {
    job.leases.push_back(lease_of(job, entry, std::move(bytes), header.dictionary));
    at.leased.add(entry.range);
    --job.places;
  }
  return {};
}

Status Packer::put_chunk(Job& job, const Header& header, Bytes envelope) {
  const Bytes body = body_of(envelope);
  Entry entry;
  entry.lane = job.lane.id;
  entry.kind = Kind::chunk;
  entry.range = header.range;
  take_times(entry, header);
  entry.age = job.age;
  entry.bytes = body.size();
  if (Status s = job.queue.put(entry, body); !s) return s;
  Progress& at = job.lane.at;
  if (at.records == 0) at.front_moved = true;
  at.records += entry.range.count();
  at.bytes += entry.bytes;
  ++at.pending_chunks;
  at.pending_bytes += entry.bytes;
  return {};
}

}  // namespace pinaflux
