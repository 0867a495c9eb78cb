//   refused    [1-8 previous p, hash h]                               chain  p .. h
//   split      [1-4 previous p, hash i] [5-8 previous i, through h]
//   5-8 lands; 1-4 is refused, then 1-2, then 2:
//              [1-1 previous p, hash j] {2-2 lost, previous j, through k} [3-4 previous k, through i]
//
// What follows was sealed long ago and names h as its predecessor: so the last part stands for the whole.

#include "agent/spool/split.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "agent/data/limits.h"
#include "agent/seal/envelope.h"
#include "agent/seal/line.h"
#include "agent/spool/landed.h"
#include "agent/spool/schema.h"
#include "agent/spool/tombstone.h"
#include "platform/crypto/crypto.h"

namespace pinaflux::splits {

namespace {

constexpr std::size_t kArenaBytesMax = 12 * 1024 * 1024;  // Any envelope.
constexpr std::int64_t kSplitsReserved = 4;               // What has no room now is refused again.
constexpr std::int64_t kBytesEach = 2 * limits::kEnvelopeBytesMax;

struct Opened {
  Opener opener;
  Shapes shapes;
  Arena arena{kArenaBytesMax};
  std::vector<Row> rows;
  Header header;
};

// The chain between the parts of a thinned one, whose first part has no hash of its own either.
Digest between(const Entry& whole, const Range& first) {
  Buffer text(whole.hash.begin(), whole.hash.end());
  append(text, std::to_string(first.last));
  Digest digest = crypto::sha256(text);
  std::ranges::fill(std::span(digest).subspan(seal::kDigestBytes), std::uint8_t{0});
  return digest;
}

struct Part {
  Entry entry;
  Buffer bytes;
};

class Split {
 public:
  Split(Store& store, Lane& lane, const Entry& whole) : store_(store), lane_(lane), whole_(whole) {}

  // corrupt: it does not open.
  Status open();
  // False: it cannot be, and nothing is changed.
  Result<bool> in_two();
  Status give_up(GivenUp& given_up, const std::string& by);

 private:
  Status replace(const Part& first, const Part& second);
  Result<Part> part(std::size_t from, std::size_t count, const Digest& previous, bool last);

  Store& store_;
  Lane& lane_;
  const Entry whole_;
  Opened opened_;
};

Status Split::open() {
  Buffer body;
  if (Status s = store_.queue->body(whole_, body); !s) return s;
  opened_.opener.look_in(&store_.dictionaries.all());
  auto header = opened_.opener.open(body, opened_.shapes, opened_.arena, opened_.rows);
  if (!header && header.error().code == Code::newer)
    return fail(Code::corrupt, "the dictionary of an envelope is lost");
  if (!header) return std::unexpected(header.error());
  opened_.header = std::move(*header);
  return opened_.rows.size() == whole_.records()
             ? Status()
             : fail(Code::corrupt, "an envelope does not hold what its row says");
}

Result<Part> Split::part(std::size_t from, std::size_t count, const Digest& previous, bool last) {
  const std::uint64_t every = whole_.every;
  Header header;
  header.gateway = lane_.gateway;
  header.lane = lane_.name;
  header.epoch = lane_.epoch;
  header.range.first = from == 0 ? whole_.range.first : whole_.range.nth(from, every);
  header.range.last = last ? whole_.range.last : whole_.range.nth(from + count, every) - 1;
  header.every = every;
  header.floor = lane_.at.acked + 1;
  header.generation = opened_.header.generation;
  header.previous = previous;
  if (last) {
    header.extra.emplace_back("through", hex(whole_.hash));
  } else if (every > 1) {
    header.extra.emplace_back("through", hex(between(whole_, header.range)));
  }
  Part made{.entry = whole_, .bytes = {}};
  Sealer sealer;
  std::size_t taken = 0;
  const auto rows = std::span<const Row>(opened_.rows).subspan(from, count);
  Status sealed =
      sealer.seal(rows, Effort::max, limits::kEnvelopeBytesMax, header, made.bytes, taken);
  // Sealed as densely as can be; and if all the same half of it is larger than an envelope may be, it stays whole.
  if (sealed && taken < count) sealed = fail(Code::full, "half an envelope is larger than one");
  if (!sealed) return std::unexpected(sealed.error());
  made.entry.damaged = false;
  made.entry.range = header.range;
  made.entry.split = last && every == 1;
  made.entry.hash = chain_end(header);
  made.entry.previous = previous;
  made.entry.bytes = made.bytes.size();
  take_times(made.entry, header);
  return made;
}

Result<bool> Split::in_two() {
  const auto before = store_.queue->last_before(lane_.id, whole_.range.first);
  if (!before) return std::unexpected(before.error());
  const auto previous = tombstone::chain_before(*store_.queue, lane_, whole_, *before);
  if (!previous) return std::unexpected(previous.error());
  const std::size_t half = opened_.rows.size() / 2;
  const auto first = part(0, half, *previous, false);
  if (!first) return false;
  const auto second = part(half, opened_.rows.size() - half, first->entry.hash, true);
  if (!second) return false;
  const Status done = replace(*first, *second);
  return done ? Result<bool>(true) : std::unexpected(done.error());
}

Status Split::replace(const Part& first, const Part& second) {
  if (Status s = schema::raise_version(*store_.database, schema::kVersionSplit); !s) return s;
  if (Status s = store_.queue->erase(whole_); !s) return s;
  for (const Part* made : {&first, &second}) {
    if (Status s = store_.queue->put(made->entry, made->bytes); !s) return s;
  }
  Progress& at = lane_.at;
  at.bytes = at.bytes - whole_.bytes + first.entry.bytes + second.entry.bytes;
  at.front_moved = true;
  return {};
}

Status Split::give_up(GivenUp& given_up, const std::string& by) {
  if (Status s = schema::raise_version(*store_.database, schema::kVersionSplit); !s) return s;
  for (const Row& row : opened_.rows) {
    Status s = given_up.keep(row, lane_.name, loss_name(Loss::undeliverable), by);
    if (!s) return s;
  }
  return tombstone::entomb(*store_.queue, lane_, whole_, Loss::undeliverable);
}

Result<std::optional<Entry>> row_of(Queue& queue, const Lane& lane, const LaneAck& ack) {
  auto entry = queue.at_or_after(lane.id, ack.range.first);
  if (!entry || !*entry) return entry;
  if ((*entry)->range != ack.range || (*entry)->kind != Kind::envelope) return std::nullopt;
  const auto named = landed::is_named(queue, **entry, *ack.unproved);
  if (!named) return std::unexpected(named.error());
  return *named ? entry : std::nullopt;
}

}  // namespace

Result<bool> take(Store& store, Lane& lane, const LaneAck& ack, GivenUp& given_up) {
  if (ack.epoch != lane.epoch || ack.range.last > lane.at.sealed_last) return false;
  const auto row = row_of(*store.queue, lane, ack);
  if (!row) return std::unexpected(row.error());
  if (!*row) return false;
  // Digests of an encrypted row that do not open: it was sent under the hash that its body has.
  Entry whole = **row;
  whole.hash = *ack.unproved;
  Split split(store, lane, whole);
  const Status opened = split.open();
  const bool unreadable =
      !opened && (opened.error().code == Code::corrupt || opened.error().code == Code::invalid);
  if (!opened && !unreadable) return std::unexpected(opened.error());
  if (opened && whole.records() > 1) return split.in_two();
  const Status done = split.give_up(given_up, *ack.refused);
  return done ? Result<bool>(true) : std::unexpected(done.error());
}

std::int64_t bytes_for(const Group& group) {
  const auto refused = [](const LaneAck& ack) { return ack.refused.has_value(); };
  return std::min<std::int64_t>(std::ranges::count_if(group.acks, refused), kSplitsReserved) *
         kBytesEach;
}

}  // namespace pinaflux::splits
