#include "tests/agent/collector/store_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

struct ThinnedFixture : StoreFixture {
  Gateway gateway;

  void send_nothing(std::uint64_t count) { (void)gateway.send(count); }
  std::string count() { return ask("SELECT count(*) FROM boiler WHERE value=_seq"); }
  void check_complete(std::uint64_t landed_rows, std::uint64_t thinned) {
    const VerifyReport report = this->report();
    CHECK(report.complete());
    REQUIRE(report.lanes.size() == 1);
    CHECK(report.lanes[0].landed == landed_rows);
    CHECK(report.lanes[0].lost.at("thinned") == thinned);
    CHECK(report.lanes[0].landed + report.lanes[0].lost_count() == report.lanes[0].last);
  }
};

}  // namespace

TEST_CASE_FIXTURE(ThinnedFixture,
                  "a thinned envelope lands what it holds and declares the rest lost") {
  land({gateway.send(10)});
  send_nothing(90);

  land({gateway.thin(11, 4), gateway.send(10)});

  CHECK(landed.counts.rows == 23 + 10);
  REQUIRE(landed.acks.size() == 1);
  CHECK(landed.acks[0].high == 110);
  CHECK_FALSE(landed.acks[0].fork);
  CHECK(count() == "43\n");
  CHECK(ask("SELECT count(*) FROM boiler WHERE _seq BETWEEN 11 AND 100 AND _seq%4=0") == "23\n");
  check_complete(43, 90 - 23);
}

TEST_CASE_FIXTURE(ThinnedFixture, "the same again is a duplicate, and so is a thinner one") {
  send_nothing(100);
  land({gateway.thin(1, 2)});

  land({gateway.thin(1, 2), gateway.thin(1, 8)});

  CHECK(landed.counts.rows == 0);
  CHECK(landed.counts.redelivered == 2);
  CHECK(landed.acks[0].high == 100);
  check_complete(50, 50);
}

TEST_CASE_FIXTURE(ThinnedFixture,
                  "what had landed before it was thinned stays, and only the rest lands") {
  const Arrival first = gateway.send(50), second = gateway.send(50), third = gateway.send(50);
  land({first});
  SUBCASE("in front") {}
  SUBCASE("and behind") { land({third}); }
  const bool behind = landed.counts.rows == 50 && report().lanes[0].landed == 100;

  land({gateway.thin(1, 4)});

  CHECK(landed.acks[0].high == 150);
  CHECK_FALSE(landed.acks[0].fork);
  CHECK(landed.counts.rows == (behind ? 13 : 25));
  check_complete(behind ? 113 : 75, behind ? 37 : 75);
  land({first, second, third});
  CHECK(landed.counts.rows == 0);
  CHECK(landed.counts.redelivered == 3);
  check_complete(behind ? 113 : 75, behind ? 37 : 75);
}

TEST_CASE_FIXTURE(ThinnedFixture,
                  "all of it had landed: a duplicate, acknowledged with the chain's hash") {
  land({gateway.send(50)});
  const Digest hash = landed.acks[0].hash;

  land({gateway.thin(1, 2)});

  CHECK(landed.counts.redelivered == 1);
  CHECK(landed.acks[0].high == 50);
  CHECK(landed.acks[0].hash == hash);
  CHECK(report().lanes[0].landed == 50);
  CHECK(report().lanes[0].lost.empty());
}

TEST_CASE_FIXTURE(ThinnedFixture,
                  "what was declared lost and comes thinned all the same is lost no more") {
  land({gateway.send(10)});
  const Arrival lost = gateway.lose(10, 0x55);
  land({lost});
  land({gateway.thin(11, 2)});
  CHECK(landed.counts.rows == 5);
  check_complete(15, 5);
}

TEST_CASE_FIXTURE(ThinnedFixture,
                  "a thinned envelope that leads elsewhere than what landed is a fork") {
  const Arrival first = gateway.send(50);
  land({first, gateway.send(50)});
  Gateway clone;
  (void)clone.send(40);
  (void)clone.send(60);

  land({clone.thin(1, 2, "other")});

  CHECK(landed.acks[0].fork);
  CHECK(landed.counts.forks == 1);
  CHECK(report().lanes[0].landed == 100);
}

TEST_CASE_FIXTURE(
    ThinnedFixture,
    "a row of a thinned range that is gone is missing, one that is too much is extra") {
  send_nothing(100);
  land({gateway.thin(1, 4)});
  open_database(options.database)->execute("DELETE FROM boiler WHERE _seq IN (40, 44)").value();
  CHECK(report().lanes[0].missing == 2);
  CHECK(report().lanes[0].missing_ranges == std::vector<Range>{{40, 40}, {44, 44}});
  open_database(options.database)
      ->execute(
          "INSERT INTO boiler(_id,_gateway,_epoch,_lane,_seq,_time)"
          " SELECT _id+1,_gateway,_epoch,_lane,_seq+1,_time FROM boiler WHERE _seq=8")
      .value();
  CHECK(report().lanes[0].extra == 1);
}

TEST_CASE_FIXTURE(ThinnedFixture, "files hold the rows of a thinned envelope with their seqs") {
  store.reset();
  options.outlets.ndjson.directory = directory / "out";
  store = open();
  send_nothing(9);
  land({gateway.thin(1, 4)});
  auto text = files.read_text(directory / "out/boiler/2026-07-25.ndjson", 1 << 20);
  REQUIRE(text.has_value());
  CHECK(text->find("\"_seq\":4,") != std::string::npos);
  CHECK(text->find("\"_seq\":8,") != std::string::npos);
  CHECK(std::ranges::count(*text, '\n') == 2);
}
