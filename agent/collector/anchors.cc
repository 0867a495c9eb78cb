// A hello says: at 95.000 s of boot b. It comes at 12:00:01.200 by our clock, so b began at 11:58:26.200, or up to
// as much earlier as the hello was on its way: seconds, or hours that it lay in a broker's queue. Nobody knows
// yet: round_trip and uncertainty are NULL. Our ack names that hello and when it came, the gateway takes the time
// until it has the ack, and its next hello repeats it all, so that nothing is to be remembered here:
//
//   answered=95.000 s, 12:00:01.200, 0.400 s     it came between 0 and 0.4 s after it was said:
//                                                b began at 11:58:26.000 +- 0.2 s
//
// That is another anchor, and rows that have the time of the first one get the time of the second. Which of
// two hellos counts:
//
//   clock synchronised, before one that is not; then measured, before not; then
//   not measured   the one with the earlier begin: no hello comes before it was said
//   measured       the faster one, if the other took long; or else the later one for what comes from now
//                  on, if the two contradict each other: an oscillator drifts, and both were right

#include "agent/collector/anchors.h"

#include <algorithm>
#include <utility>

namespace pinaflux {

namespace {

constexpr const char* kTable =
    "CREATE TABLE IF NOT EXISTS pinaflux_anchor(id INTEGER PRIMARY KEY, gateway TEXT NOT NULL,"
    " boot TEXT NOT NULL, origin TEXT NOT NULL, monotonic INTEGER NOT NULL, wall INTEGER NOT NULL,"
    " uncertainty INTEGER, round_trip INTEGER, synchronised INTEGER NOT NULL,"
    " received INTEGER NOT NULL, replaced INTEGER NOT NULL);"
    "CREATE INDEX IF NOT EXISTS pinaflux_anchor_boot ON pinaflux_anchor(gateway, boot)";

int rank(const KnownAnchor& anchor) {
  return (anchor.synchronised ? 2 : 0) + (anchor.round_trip ? 1 : 0);
}

Duration distance(const KnownAnchor& a, const KnownAnchor& b) {
  const std::int64_t ns = a.anchor.offset().ns - b.anchor.offset().ns;
  return {ns < 0 ? -ns : ns};
}

enum class Choice : std::uint8_t { earlier, replace, beside };

Choice choose(const KnownAnchor& current, const KnownAnchor& found) {
  if (current.own) return Choice::earlier;
  if (rank(found) != rank(current)) {
    return rank(found) > rank(current) ? Choice::replace : Choice::earlier;
  }
  if (!found.round_trip) {
    const bool better = found.anchor.offset() < current.anchor.offset() &&
                        distance(current, found) > Anchors::kWayGood;
    return better ? Choice::replace : Choice::earlier;
  }
  if (*current.round_trip > Anchors::kWayGood && *found.round_trip * 2 < *current.round_trip) {
    return Choice::replace;
  }
  const Duration explained =
      std::max((*current.round_trip + *found.round_trip) / 2, Anchors::kDriftMax);
  return distance(current, found) > explained ? Choice::beside : Choice::earlier;
}

}  // namespace

Result<Anchors> Anchors::prepare(sqlite::Database& database, Supply* supply) {
  if (Status s = database.execute(kTable); !s) return std::unexpected(s.error());
  Anchors anchors(supply);
  const std::pair<sqlite::Statement*, const char*> all[] = {
      {&anchors.current_,
       "SELECT id,monotonic,wall,uncertainty,origin='gateway',round_trip,synchronised"
       " FROM pinaflux_anchor WHERE gateway=? AND boot=? AND replaced=0 ORDER BY id DESC LIMIT 1"},
      {&anchors.put_, "INSERT INTO pinaflux_anchor VALUES(?10,?1,?2,?3,?4,?5,?6,?7,?8,?9,0)"},
      {&anchors.replace_, "UPDATE pinaflux_anchor SET replaced=1 WHERE gateway=? AND boot=?"},
      {&anchors.gave_,
       "SELECT 1 FROM pinaflux_anchor WHERE gateway=? AND boot=? AND wall-monotonic=?"},
      {&anchors.some_, "SELECT 1 FROM pinaflux_anchor WHERE gateway=? LIMIT 1"},
      {&anchors.drop_, "DELETE FROM pinaflux_anchor WHERE gateway=? AND boot=? AND replaced=1"},
  };
  if (Status s = database.prepare_all(all); !s) return std::unexpected(s.error());
  return anchors;
}

Result<std::optional<KnownAnchor>> Anchors::current(std::string_view gateway, std::uint64_t boot) {
  if (supply_ != nullptr) {
    if (Status s = supply_->bring_boot(gateway, boot); !s) return std::unexpected(s.error());
  }
  const std::string name = boot_name(boot);
  const sqlite::Reading reading(current_);
  current_.bind(1, gateway);
  current_.bind(2, std::string_view(name));
  const Result<bool> row = current_.step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::nullopt;
  KnownAnchor known;
  known.id = current_.integer(0);
  known.anchor = {boot, Instant{current_.integer(1)}, WallTime{current_.integer(2)},
                  Duration{current_.integer(3)}};
  known.own = current_.integer(4) != 0;
  if (!current_.is_null(5)) known.round_trip = Duration{current_.integer(5)};
  known.synchronised = current_.integer(6) != 0;
  return known;
}

Result<bool> Anchors::take_own(std::string_view gateway, const Anchor& anchor, WallTime now) {
  return consider(gateway, {.anchor = anchor, .own = true, .synchronised = true}, now);
}

Result<bool> Anchors::take_hello(std::string_view gateway, const HelloMessage& hello,
                                 const Reception& reception) {
  if (!hello.clock || hello.clock->trusted) return false;
  KnownAnchor found{.anchor = {hello.clock->boot, hello.clock->at, reception.at, {}},
                    .synchronised = reception.synchronised};
  if (hello.answer) {
    const auto& [echo, after] = *hello.answer;
    const Duration half = after / 2;
    const WallTime middle{echo.received.ns - half.ns};
    found.anchor = {hello.clock->boot, echo.at, middle, half};
    found.round_trip = after;
  }
  return consider(gateway, found, reception.at);
}

Result<bool> Anchors::consider(std::string_view gateway, const KnownAnchor& found, WallTime now) {
  if (!found.anchor.sane()) return false;
  const auto known = current(gateway, found.anchor.boot);
  if (!known) return std::unexpected(known.error());
  Choice choice = Choice::replace;
  if (*known) choice = found.own && !(*known)->own ? Choice::replace : choose(**known, found);
  if (choice == Choice::earlier) return false;
  if (choice == Choice::replace) {
    if (Status s = replace_all(gateway, found.anchor.boot); !s) return std::unexpected(s.error());
  }
  if (Status s = put(gateway, found, now); !s) return std::unexpected(s.error());
  return choice == Choice::replace;
}

Status Anchors::replace_all(std::string_view gateway, std::uint64_t boot) {
  const std::string name = boot_name(boot);
  replace_.bind(1, gateway);
  replace_.bind(2, std::string_view(name));
  return replace_.run();
}

// What nobody vouches for has no uncertainty that could be told.
Status Anchors::put(std::string_view gateway, const KnownAnchor& known, WallTime now) {
  const std::string name = boot_name(known.anchor.boot);
  put_.bind(1, gateway);
  put_.bind(2, std::string_view(name));
  put_.bind(3, std::string_view(known.own ? "gateway" : "hello"));
  put_.bind(4, known.anchor.monotonic.ns);
  put_.bind(5, known.anchor.wall.ns);
  const bool bounded = known.own || (known.synchronised && known.round_trip);
  if (bounded) {
    put_.bind(6, known.anchor.uncertainty.ns);
  } else {
    put_.bind_null(6);
  }
  if (known.round_trip) {
    put_.bind(7, known.round_trip->ns);
  } else {
    put_.bind_null(7);
  }
  put_.bind(8, std::int64_t{known.synchronised});
  put_.bind(9, now.ns);
  if (supply_ != nullptr) {
    const Result<std::int64_t> number = supply_->anchor_number();
    if (!number) return std::unexpected(number.error());
    put_.bind(10, *number);
  } else {
    put_.bind_null(10);
  }
  return put_.run();
}

Result<bool> Anchors::gave(std::string_view gateway, Stamp stamp, WallTime time) {
  std::int64_t offset = 0;
  if (__builtin_sub_overflow(time.ns, stamp.ns, &offset)) return false;
  if (supply_ != nullptr) {
    if (Status s = supply_->bring_boot(gateway, stamp.boot); !s) return std::unexpected(s.error());
  }
  const std::string name = boot_name(stamp.boot);
  const sqlite::Reading reading(gave_);
  gave_.bind(1, gateway);
  gave_.bind(2, std::string_view(name));
  gave_.bind(3, offset);
  return gave_.step();
}

Result<bool> Anchors::some(std::string_view gateway) {
  const sqlite::Reading reading(some_);
  some_.bind(1, gateway);
  return some_.step();
}

Status Anchors::drop_replaced(std::string_view gateway, std::uint64_t boot) {
  const std::string name = boot_name(boot);
  drop_.bind(1, gateway);
  drop_.bind(2, std::string_view(name));
  return drop_.run();
}

}  // namespace pinaflux
