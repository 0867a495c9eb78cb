// pinaflux_boot knows where the rows of a boot lie, as one range of seqs for each table and lane:
//
//   gateway | boot | stream   | lane | first | last | todo
//   pump-7  | 9f.. | boiler/t |    3 |   101 |  940 | NULL      waits for an anchor, or has the time of the last one
//   pump-7  | 9f.. | boiler/t |    3 |   101 |  940 | 613       rows below 613 have the time of the current anchor
//
// A row's key is lane << 40 | seq, so a step is a walk along the table's own order, no index needed. Within the
// range it changes what has `_boot`, or an `_anchor` that was replaced; so doing it twice changes nothing. A table
// of columns, a thousand times the rows, would be slower to write: nothing is written here for a row, and
// for an envelope one row that is there already.
//
// Once a boot has the gateway's own anchor, and its rows have that time, nothing can change it any more: its
// rows here go. Those of a gateway that never synchronises stay.

#include "agent/collector/timing.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

namespace pinaflux {

namespace {

constexpr const char* kTables =
    "CREATE TABLE IF NOT EXISTS pinaflux_boot(gateway TEXT NOT NULL, boot TEXT NOT NULL,"
    " stream TEXT NOT NULL, lane INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,"
    " todo INTEGER, PRIMARY KEY(gateway, boot, stream, lane)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS pinaflux_boot_todo ON pinaflux_boot(todo) WHERE todo IS NOT NULL";

}  // namespace

Result<Timing> Timing::prepare(sqlite::Database& database, Tables& tables, Supply* supply) {
  if (Status s = database.execute(kTables); !s) return std::unexpected(s.error());
  Result<Anchors> anchors = Anchors::prepare(database, supply);
  if (!anchors) return std::unexpected(anchors.error());
  Timing timing(tables, supply, std::move(*anchors));
  const std::pair<sqlite::Statement*, const char*> all[] = {
      {&timing.note_,
       "INSERT INTO pinaflux_boot VALUES(?,?,?,?,?,?,NULL)"
       " ON CONFLICT DO UPDATE SET first=min(first,excluded.first),last=max(last,excluded.last)"},
      {&timing.due_, "UPDATE pinaflux_boot SET todo=first WHERE gateway=? AND boot=?"},
      {&timing.next_,
       "SELECT gateway,boot,stream,lane,todo,last FROM pinaflux_boot WHERE todo IS NOT NULL"
       " LIMIT 1"},
      {&timing.advance_,
       "UPDATE pinaflux_boot SET todo=? WHERE gateway=? AND boot=? AND stream=? AND lane=?"},
      {&timing.busy_,
       "SELECT 1 FROM pinaflux_boot WHERE gateway=? AND boot=? AND todo IS NOT NULL LIMIT 1"},
      {&timing.forget_, "DELETE FROM pinaflux_boot WHERE gateway=? AND boot=?"},
  };
  if (Status s = database.prepare_all(all); !s) return std::unexpected(s.error());
  return timing;
}

Status Timing::resolve(const RowIdentity& identity, std::int64_t lane, std::span<Row> rows,
                       WallTime now, std::vector<std::int64_t>& anchors) {
  const std::string_view gateway = identity.gateway;
  anchors.clear();
  if (Status s = learn(gateway, rows, now); !s) return s;
  if (std::ranges::none_of(rows, [](const Row& row) { return row.time.boot != 0; })) return {};
  anchors.assign(rows.size(), 0);
  std::map<std::pair<std::uint64_t, std::string_view>, Range> ranges;
  std::uint64_t boot = 0;
  std::optional<KnownAnchor> known;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Row& row = rows[i];
    if (row.time.boot == 0) continue;
    if (row.time.boot != boot) {
      boot = row.time.boot;
      auto found = anchors_.current(gateway, boot);
      if (!found) return std::unexpected(found.error());
      known = *found;
    }
    const std::uint64_t seq = identity.seq + i * identity.step;
    if (known) {
      row.time = known->anchor.resolve(row.time);
      if (row.time.boot == 0) anchors[i] = known->id;
      if (known->own) continue;
    }
    ranges.try_emplace({boot, row.shape->stream()}, Range{seq, seq}).first->second.last = seq;
  }
  for (const auto& [key, range] : ranges) {
    const Stretch stretch{std::string(gateway), tables_->key_of_stream(key.second), key.first, lane,
                          range};
    if (Status s = note(stretch); !s) return s;
  }
  return {};
}

Status Timing::learn(std::string_view gateway, std::span<const Row> rows, WallTime now) {
  const Shape* none = nullptr;  // A shape that is not that of anchors.
  for (const Row& row : rows) {
    if (row.shape == none) continue;
    const std::optional<Anchor> anchor = read_anchor(row);
    if (row.shape->stream() != kAnchorStream) none = row.shape;
    if (!anchor) continue;
    const Result<bool> news = anchors_.take_own(gateway, *anchor, now);
    if (!news) return std::unexpected(news.error());
    if (!*news) continue;
    if (Status s = due(gateway, anchor->boot); !s) return s;
  }
  return {};
}

// Resolved by whom does not matter: gateway and collector compute the same.
Result<bool> Timing::same(std::string_view gateway, Stamp landed, Stamp stamp) {
  if (landed.boot == stamp.boot) return landed.ns == stamp.ns;
  if (landed.boot != 0 && stamp.boot != 0) return false;
  return landed.boot != 0 ? anchors_.gave(gateway, landed, WallTime{stamp.ns})
                          : anchors_.gave(gateway, stamp, WallTime{landed.ns});
}

Result<bool> Timing::differ(std::string_view gateway, Stamp landed, Stamp stamp) {
  if (landed.boot != 0 && stamp.boot != 0) return landed != stamp;
  if (landed.boot != stamp.boot) return false;
  if (landed.ns == stamp.ns) return false;
  const Result<bool> some = anchors_.some(gateway);
  return some ? Result<bool>(!*some) : some;
}

Status Timing::take_hello(std::string_view gateway, const HelloMessage& hello,
                          const Reception& reception) {
  const Result<bool> news = anchors_.take_hello(gateway, hello, reception);
  if (!news) return std::unexpected(news.error());
  return *news ? due(gateway, hello.clock->boot) : Status();
}

Status Timing::due(std::string_view gateway, std::uint64_t boot) {
  const std::string name = boot_name(boot);
  due_.bind(1, gateway);
  due_.bind(2, std::string_view(name));
  if (Status s = due_.run(); !s) return s;
  return conclude(gateway, boot);
}

Status Timing::note(const Stretch& stretch) {
  const std::string boot = boot_name(stretch.boot);
  note_.bind(1, std::string_view(stretch.gateway));
  note_.bind(2, std::string_view(boot));
  note_.bind(3, std::string_view(stretch.stream));
  note_.bind(4, stretch.lane);
  note_.bind(5, static_cast<std::int64_t>(stretch.range.first));
  note_.bind(6, static_cast<std::int64_t>(stretch.range.last));
  return note_.run();
}

Result<bool> Timing::go_on() {
  const auto stretch = next_due();
  if (!stretch) return std::unexpected(stretch.error());
  if (!*stretch) return false;
  const auto known = anchors_.current((*stretch)->gateway, (*stretch)->boot);
  if (!known) return std::unexpected(known.error());
  const auto& [gateway, stream, boot, lane, range] = **stretch;
  const auto last = tables_->nth_seq(stream, lane, range, kRowsEach);
  if (!last) return std::unexpected(last.error());
  const Range piece{range.first, *last};
  Status s;
  if (*known) {
    s = tables_->retime({stream, gateway, boot, lane, piece, (*known)->id, (*known)->anchor});
  }
  if (s) s = advance(**stretch, piece);
  if (s) s = conclude(gateway, boot);
  return s ? unfinished() : std::unexpected(s.error());
}

Result<bool> Timing::unfinished() {
  const auto stretch = next_due();
  if (!stretch) return std::unexpected(stretch.error());
  return stretch->has_value();
}

Result<std::optional<Timing::Stretch>> Timing::next_due() {
  if (supply_ != nullptr) {
    if (Status s = supply_->bring_due(); !s) return std::unexpected(s.error());
  }
  const sqlite::Reading reading(next_);
  const Result<bool> row = next_.step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::nullopt;
  Stretch stretch;
  stretch.gateway = next_.text(0);
  stretch.boot = parse_boot(next_.text(1)).value_or(0);
  stretch.stream = next_.text(2);
  stretch.lane = next_.integer(3);
  stretch.range = {static_cast<std::uint64_t>(next_.integer(4)),
                   static_cast<std::uint64_t>(next_.integer(5))};
  return stretch;
}

Status Timing::advance(const Stretch& stretch, const Range& done) {
  const std::string boot = boot_name(stretch.boot);
  if (done.last < stretch.range.last) {
    advance_.bind(1, static_cast<std::int64_t>(done.last + 1));
  } else {
    advance_.bind_null(1);
  }
  advance_.bind(2, std::string_view(stretch.gateway));
  advance_.bind(3, std::string_view(boot));
  advance_.bind(4, std::string_view(stretch.stream));
  advance_.bind(5, stretch.lane);
  return advance_.run();
}

// Once nothing of the boot is to be corrected.
Status Timing::conclude(std::string_view gateway, std::uint64_t boot) {
  const std::string name = boot_name(boot);
  {
    const sqlite::Reading reading(busy_);
    busy_.bind(1, gateway);
    busy_.bind(2, std::string_view(name));
    const Result<bool> busy = busy_.step();
    if (!busy) return std::unexpected(busy.error());
    if (*busy) return {};
  }
  if (Status s = anchors_.drop_replaced(gateway, boot); !s) return s;
  const auto known = anchors_.current(gateway, boot);
  if (!known) return std::unexpected(known.error());
  if (!*known || !(*known)->own) return {};
  forget_.bind(1, gateway);
  forget_.bind(2, std::string_view(name));
  return forget_.run();
}

}  // namespace pinaflux
