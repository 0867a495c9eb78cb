#include "agent/collector/timing.h"

#include <deque>

#include "tests/agent/collector/store_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

constexpr std::uint64_t kBoot = 0x9f;
constexpr Duration kSecond = Duration::seconds(1);
// The boot began at noon; its clock was trusted after a minute.
const Anchor kOwn{kBoot, Instant{(kSecond * 60).ns}, WallTime{kNoon} + kSecond * 60, Duration{5}};

struct TimingFixture : StoreFixture {
  Gateway gateway;
  Rows rows;

  void land(const std::vector<Arrival>& arrivals) {
    StoreFixture::land(arrivals);
    REQUIRE(landed.counts.rejects == 0);
  }
  // Until nothing is left to be corrected; how many transactions it took.
  int settle() {
    int steps = 0;
    for (; store->unfinished(); ++steps) land({});
    return steps;
  }
  // `count` rows, one each second of the boot from `second` on.
  void add(std::int64_t second, int count = 1, const char* stream = "boiler",
           std::uint64_t boot = kBoot) {
    for (int i = 0; i < count; ++i) {
      rows.add(stream, {"value"}, {Value::int64(second + i)},
               Stamp{(kSecond * (second + i)).ns, boot});
    }
  }
  void add_anchor(const Anchor& anchor) {
    Arena arena(1024);
    Shapes shapes;
    const auto row = anchor_row(anchor, *shapes.intern(kAnchorStream, kAnchorFields), arena);
    names.push_back(boot_name(anchor.boot));
    rows.add(kAnchorStream, {kAnchorFields.begin(), kAnchorFields.end()},
             {Value::text(names.back()), row->values[1], row->values[2], row->values[3]},
             row->time);
  }
  Arrival sent() {
    Arrival arrival = gateway.send(rows);
    rows.clear();
    return arrival;
  }
  Arrival hello(Duration at, Duration way, std::optional<HelloAnswer> answer = {}) {
    Arrival arrival = gateway.hello("normal", HelloClock{kBoot, Instant{at.ns}, false}, answer);
    arrival.received = Reception{WallTime{kNoon} + at + way, true};
    return arrival;
  }
  // Rows whose time is not noon and their value in seconds, give or take.
  std::string wrong(Duration give = {}, const char* table = "boiler") {
    return ask("SELECT count(*) FROM \"" + std::string(table) + "\" WHERE _boot IS NOT NULL OR" +
               " abs(_time-" + std::to_string(kNoon) + "-value*1000000000)>" +
               std::to_string(give.ns));
  }
  bool complete() { return report().complete(); }

  std::deque<std::string> names;
};

}  // namespace

TEST_CASE_FIXTURE(TimingFixture, "without an anchor a row keeps its time since boot") {
  add(5);
  land({sent()});
  CHECK(ask("SELECT _time||'|'||_boot||'|'||(_anchor IS NULL) FROM boiler") ==
        "5000000000|000000000000009f|1\n");
  CHECK_FALSE(store->unfinished());
}

TEST_CASE_FIXTURE(TimingFixture,
                  "the gateway's anchor gives earlier rows and later ones their calendar time") {
  add(1, 10);
  add(20, 2, "valve");
  land({sent()});
  add(30, 5);
  add_anchor(kOwn);
  land({sent()});
  settle();
  add(70, 3);
  land({sent()});
  CHECK(wrong() == "0\n");
  CHECK(wrong({}, "valve") == "0\n");
  CHECK(ask("SELECT DISTINCT a.uncertainty||a.origin FROM boiler JOIN pinaflux_anchor a ON "
            "a.id=_anchor") == "5gateway\n");
  CHECK(ask("SELECT count(*) FROM pinaflux_boot") == "0\n");
  CHECK(complete());
}

TEST_CASE_FIXTURE(TimingFixture, "rows in quarantine get their calendar time, too") {
  add(1, 3);
  land({sent()});
  execute(
      "CREATE TRIGGER rule BEFORE INSERT ON boiler WHEN NEW.value IN (5,40) BEGIN SELECT "
      "RAISE(ABORT,'not here'); END");
  add(4, 4);
  land({sent()});
  add_anchor(kOwn);
  land({sent()});
  settle();
  add(39, 3);
  land({sent()});
  CHECK(wrong() == "0\n");
  CHECK(ask("SELECT concat_ws('|',_boot IS NULL,_time-" + std::to_string(kNoon) +
            ",_record) FROM pinaflux_quarantine ORDER BY _id") ==
        "1|5000000000|{\"value\":5}\n1|40000000000|{\"value\":40}\n");
  CHECK(complete());
}

TEST_CASE_FIXTURE(TimingFixture,
                  "rows of another boot, of another gateway and of the calendar are left alone") {
  Gateway other("valve", 0xe2);
  add(1, 2);
  const Arrival foreign = other.send(rows);
  add(1, 2, "boiler", 0x9e);
  rows.add("boiler", {"value"}, {Value::int64(1)}, Stamp::wall({77}));
  rows.add("boiler", {"value"}, {Value::int64(1)}, Stamp{-1, kBoot});
  add_anchor(kOwn);
  land({foreign, sent()});
  settle();
  CHECK(ask("SELECT count(*) FROM boiler WHERE _anchor IS NOT NULL") == "2\n");
  CHECK(ask("SELECT count(*) FROM boiler WHERE _boot IS NOT NULL") == "5\n");
  CHECK(ask("SELECT _boot IS NULL FROM boiler WHERE _time=77") == "1\n");
}

TEST_CASE_FIXTURE(TimingFixture,
                  "a hello gives rows calendar time at once, within what its way may have taken") {
  land({hello(kSecond * 3, kSecond)});
  add(4, 100);
  land({sent()});
  CHECK(wrong(kSecond) == "0\n");
  CHECK(ask("SELECT min(_time)-" + std::to_string(kNoon) + " FROM boiler") == "5000000000\n");
}

TEST_CASE_FIXTURE(TimingFixture, "a better anchor corrects what an earlier one has timed") {
  add(1, 5);
  land({hello(kSecond * 9, kSecond * 4), sent()});
  CHECK(wrong() == "5\n");

  const HelloAnswer answer{{Instant{(kSecond * 9).ns}, WallTime{kNoon} + kSecond * 13},
                           kSecond * 8};
  land({hello(kSecond * 17, kSecond * 4, answer)});
  settle();
  CHECK(wrong() == "0\n");
  CHECK(ask("SELECT count(*) FROM pinaflux_anchor") == "1\n");

  add_anchor(kOwn);
  land({sent()});
  settle();
  CHECK(wrong() == "0\n");
  CHECK(ask("SELECT origin FROM pinaflux_anchor") == "gateway\n");
}

TEST_CASE_FIXTURE(TimingFixture,
                  "what is to be corrected is corrected in bounded steps, and a restart goes on") {
  constexpr int kEach = 4'096;
  for (int i = 0; i < 10; ++i) {
    add(1 + i * kEach, kEach);
    land({sent()});
  }
  add_anchor(kOwn);
  land({sent()});
  CHECK(wrong() == std::to_string(10 * kEach - Timing::kRowsEach) + "\n");
  REQUIRE(store->unfinished());

  restart();
  CHECK(store->unfinished());
  CHECK(settle() == 4);

  CHECK(wrong() == "0\n");
  CHECK(complete());
}

TEST_CASE_FIXTURE(
    TimingFixture,
    "rows that land below and above while the others are corrected are right as well") {
  constexpr int kEach = 9'000;
  add(1, 10);
  const Arrival late = sent();
  for (int i = 0; i < 3; ++i) {
    add(100 + i * kEach, kEach);
    land({sent()});
  }
  add_anchor(kOwn);
  land({sent()});
  REQUIRE(store->unfinished());
  add(90'000, 10);
  land({late, sent()});
  settle();
  CHECK(wrong() == "0\n");
}

TEST_CASE_FIXTURE(TimingFixture,
                  "an anchor that comes once in each lane changes nothing the second time") {
  add(1, 5);
  add_anchor(kOwn);
  land({sent()});
  settle();
  add_anchor(kOwn);
  land({sent()});
  CHECK_FALSE(store->unfinished());
  CHECK(ask("SELECT count(*) FROM pinaflux_anchor") == "1\n");
}

TEST_CASE_FIXTURE(TimingFixture, "an envelope that comes again is timed no second time") {
  add(1, 5);
  add_anchor(kOwn);
  const Arrival arrival = sent();
  land({arrival});
  settle();
  land({arrival});
  settle();
  CHECK(landed.counts.rows == 0);
  CHECK(wrong() == "0\n");
}

TEST_CASE_FIXTURE(TimingFixture, "what thinning left is corrected as well, to its last row") {
  (void)gateway.send(40);  // On its way no more: what follows took its place.
  land({gateway.thin(1, 4, "boiler", Stamp{kSecond.ns, kBoot})});
  CHECK(ask("SELECT count(*) FROM boiler WHERE _boot IS NOT NULL") == "10\n");
  land({hello(kSecond * 9, {})});
  settle();
  CHECK(ask("SELECT count(*) FROM boiler WHERE _boot IS NULL AND _time=" +
            std::to_string(kNoon + kSecond.ns)) == "10\n");
}

TEST_CASE_FIXTURE(TimingFixture, "the answer to a hello names it") {
  add(1);
  land({sent(), hello(kSecond * 9, kSecond)});
  REQUIRE(landed.acks.size() == 1);
  const HelloEcho echo{Instant{(kSecond * 9).ns}, WallTime{kNoon} + kSecond * 10};
  CHECK(landed.acks[0].hello == echo);
}

TEST_CASE_FIXTURE(
    TimingFixture,
    "a table that an older collector made gets the column, and a field of its name another") {
  add(1);
  land({sent()});
  store.reset();
  auto database = open_database(options.database);
  REQUIRE(database
              ->execute(
                  "ALTER TABLE boiler DROP COLUMN _anchor;"
                  "ALTER TABLE boiler ADD COLUMN _anchor;"
                  "UPDATE boiler SET _anchor='field';"
                  "INSERT INTO pinaflux_column SELECT id,'_anchor','_anchor' FROM pinaflux_stream")
              .has_value());
  database.reset();

  store = open();
  add_anchor(kOwn);
  add(2);
  land({sent()});
  settle();

  CHECK(wrong() == "0\n");
  CHECK(ask("SELECT _anchor_2 FROM boiler WHERE value=1") == "field\n");
  CHECK(ask("SELECT count(_anchor) FROM boiler") == "2\n");
}

TEST_CASE_FIXTURE(TimingFixture, "a line by an anchor that was replaced since is no other record") {
  options.outlets.ndjson.directory = directory / "lines";
  options.rows_in_files = true;
  restart();
  land({hello(kSecond, kSecond * 2)});
  add(1, 10);
  land({sent()});
  add_anchor(kOwn);
  land({sent()});
  settle();
  REQUIRE(ask("SELECT count(*) FROM pinaflux_anchor") == "1\n");  // Nothing stays to be corrected.
  gateway.floor(12);
  land({gateway.hello()});  // The hashes up to 11 are forgotten.
  Gateway restored;
  add(1, 10);
  land({restored.send(rows)});
  CHECK(landed.counts.forks == 0);
  CHECK(landed.counts.redelivered == 1);
}
