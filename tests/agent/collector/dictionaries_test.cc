#include "agent/collector/dictionaries.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "platform/crypto/crypto.h"
#include "tests/agent/collector/packed.h"
#include "tests/agent/collector/store_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

using Ids = std::vector<std::string>;

struct LaneDictionariesFixture {
  kit::TemporaryDirectory directory;
  std::unique_ptr<sqlite::Database> database = open_database(directory / "state.db");
  DictionaryStore all = std::move(*DictionaryStore::prepare(*database));

  void keep(std::int64_t lane, int number) {
    REQUIRE(all.keep(lane, dictionary_of(number)).has_value());
  }
  bool has(std::int64_t lane, int number) {
    const Dictionary wanted = dictionary_of(number);
    const auto found = all.find(lane, wanted.id());
    REQUIRE(found.has_value());
    if (*found == nullptr) return false;
    const Dictionary* one = (*found)->find(wanted.id());
    REQUIRE(one != nullptr);
    CHECK(std::ranges::equal(one->bytes(), wanted.bytes()));
    return true;
  }
  static Ids ids_of(const std::vector<int>& numbers) {
    Ids ids;
    for (const int number : numbers) ids.push_back(dictionary_of(number).id());
    return ids;
  }
};

struct DictionariesFixture : StoreFixture {
  Gateway gateway;
  Dictionary first = dictionary_of(1), second = dictionary_of(2);

  const std::optional<Ids>& told() const {
    REQUIRE(landed.acks.size() == 1);
    return landed.acks[0].dictionaries;
  }
  std::string reasons() {
    std::string text;
    for (const Notice& notice : landed.notices) text += std::string(notice.reason) + " ";
    return text;
  }
  std::string kept() { return ask("SELECT count(*) FROM pinaflux_dictionary"); }
  std::string rows() { return ask("SELECT count(*) FROM compressor"); }
};

}  // namespace

TEST_CASE_FIXTURE(LaneDictionariesFixture, "the newest of a lane stay, each lane's its own") {
  for (int number = 1; number <= 4; ++number) keep(1, number);
  keep(2, 1);
  keep(1, 1);  // Again: the newest now.
  keep(1, 5);
  CHECK(*all.ids(1) == ids_of({3, 4, 1, 5}));
  CHECK(*all.ids(2) == ids_of({1}));
  CHECK_FALSE(has(1, 2));
  for (const int number : {3, 4, 1, 5}) CHECK(has(1, number));
  CHECK(has(2, 1));
  CHECK_FALSE(has(2, 5));
  CHECK(all.ids(3)->empty());
}

TEST_CASE_FIXTURE(LaneDictionariesFixture, "what was rolled back is not found, in memory or not") {
  keep(1, 1);
  REQUIRE(database->begin().has_value());
  keep(1, 2);
  CHECK(has(1, 2));
  database->rollback();
  CHECK_FALSE(has(1, 2));
  CHECK(has(1, 1));
  CHECK(*all.ids(1) == ids_of({1}));
}

TEST_CASE_FIXTURE(LaneDictionariesFixture, "memory holds some of many, and all are found") {
  const auto lanes = static_cast<std::int64_t>(DictionaryStore::kCachedMax) + 20;
  const Dictionary one = dictionary_of(1);
  for (std::int64_t lane = 1; lane <= lanes; ++lane) REQUIRE(all.keep(lane, one).has_value());
  for (int round = 0; round < 2; ++round) {
    for (std::int64_t lane = 1; lane <= lanes; ++lane) CHECK(has(lane, 1));
  }
  CHECK(all.cached() == DictionaryStore::kCachedMax);
}

TEST_CASE_FIXTURE(LaneDictionariesFixture, "one that the disk has changed is gone") {
  keep(1, 1);
  keep(1, 2);
  REQUIRE(database
              ->execute("UPDATE pinaflux_dictionary SET content=x'00112233445566778899' "
                        "WHERE number=1")
              .has_value());
  CHECK_FALSE(has(1, 1));
  CHECK(*all.ids(1) == ids_of({2}));
}

TEST_CASE_FIXTURE(DictionariesFixture, "what was packed with a lane's dictionary lands") {
  land({gateway.tell(first)});
  CHECK(told() == Ids{first.id()});
  CHECK(landed.acks[0].high == 0);
  CHECK(landed.counts.envelopes == 0);
  CHECK(landed.counts.rejects == 0);

  land({send_packed(gateway, first)});
  CHECK(landed.counts.rows == 10);
  CHECK(landed.acks[0].high == 10);
  CHECK_FALSE(told().has_value());

  land({gateway.tell(second), send_packed(gateway, second), send_packed(gateway, first),
        gateway.send(5)});
  CHECK(landed.counts.rows == 25);
  CHECK(landed.acks[0].high == 35);
  CHECK(told() == Ids{first.id(), second.id()});

  restart();
  land({send_packed(gateway, first)});
  CHECK(landed.counts.rows == 10);
  CHECK(rows() == "40\n");
  CHECK(ask("SELECT count(*) FROM compressor WHERE inlet_temperature=_seq") == "40\n");
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(
    DictionariesFixture,
    "without its dictionary an envelope waits, and its gateway is told what is here") {
  const Arrival packed = send_packed(gateway, first);
  for (int time = 0; time < 2; ++time) {
    land({packed});
    CHECK(reasons() == "dictionary ");
    CHECK(landed.notices[0].range == Range{1, 10});
    CHECK(landed.counts.rejects == 1);
    CHECK(landed.counts.rows == 0);
    CHECK(told() == Ids{});
    CHECK(landed.acks[0].high == 0);
    CHECK(landed.acks[0].refused.empty());
    CHECK(landed.acks[0].landed.empty());
  }
  CHECK(ask("SELECT reason||first||'-'||last FROM pinaflux_reject") ==
        "dictionary1-10\ndictionary1-10\n");

  land({gateway.tell(second), packed});
  CHECK(told() == Ids{second.id()});
  CHECK(landed.counts.rows == 0);

  land({gateway.tell(first), packed});
  CHECK(landed.counts.rows == 10);
  CHECK(landed.acks[0].high == 10);
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(DictionariesFixture, "nobody's dictionary opens another's envelopes") {
  Gateway clone("pump", 0xe2), other("boiler");
  const Arrival of_lane{Topic::Kind::data, "pump", "bulk",
                        format_dictionary("pump", "bulk", epoch_of(0xe1), first)};
  land({clone.tell(first), other.tell(first), of_lane});
  CHECK(landed.counts.rejects == 0);
  CHECK(kept() == "3\n");
  land({gateway.send(5)});
  land({send_packed(gateway, first)});
  CHECK(reasons() == "dictionary ");
  CHECK(told() == Ids{});
}

TEST_CASE_FIXTURE(DictionariesFixture, "the fifth dictionary of a lane pushes out the oldest") {
  std::vector<Dictionary> all;
  Ids ids;
  for (int number = 1; number <= 5; ++number) {
    all.push_back(dictionary_of(number));
    land({gateway.tell(all.back())});
    ids.push_back(all.back().id());
  }
  ids.erase(ids.begin());
  CHECK(told() == ids);
  CHECK(kept() == "4\n");
  land({send_packed(gateway, all[4]), send_packed(gateway, all[1])});
  CHECK(landed.counts.rows == 20);
  land({send_packed(gateway, all[0])});
  CHECK(reasons() == "dictionary ");
  CHECK(told() == ids);
}

TEST_CASE_FIXTURE(DictionariesFixture, "a hello is answered with what is here, nothing else is") {
  land({gateway.hello()});
  CHECK(told() == Ids{});
  land({gateway.tell(first)});
  land({gateway.hello()});
  CHECK(told() == Ids{first.id()});
  land({gateway.send(5)});
  CHECK_FALSE(told().has_value());
  land({gateway.lose(5)});
  CHECK_FALSE(told().has_value());
  land({gateway.status("online")});
  CHECK(landed.acks.empty());
}

TEST_CASE_FIXTURE(DictionariesFixture,
                  "what is damaged, newer, foreign or not proved is not kept") {
  const Arrival good = gateway.tell(first);
  Arrival damaged = good, newer = good, gateway_of = good, lane_of = good, unproved = good;
  damaged.payload.back() ^= 1;
  newer.payload[std::string_view("pinaflux-dictionary/").size()] = '2';
  gateway_of.gateway = "boiler";
  lane_of.lane = "bulk";
  unproved.unproved = "no_mac";
  land({damaged, newer, gateway_of, lane_of, unproved});
  CHECK(reasons() == "damaged newer foreign_gateway foreign_lane no_mac ");
  CHECK(landed.counts.rejects == 5);
  CHECK(landed.acks.empty());
  CHECK(kept() == "0\n");
  CHECK(ask("SELECT count(*) FROM pinaflux_lane") == "0\n");
}

TEST_CASE_FIXTURE(DictionariesFixture,
                  "a lane is made for no header that is damaged or another's than its topic") {
  Arrival damaged = send_packed(gateway, first), foreign = damaged, lane_of = damaged;
  damaged.payload.back() ^= 1;
  foreign.gateway = "boiler";
  lane_of.lane = "bulk";
  land({damaged, foreign, lane_of});
  CHECK(reasons() == "damaged foreign_gateway foreign_lane ");
  CHECK(landed.acks.empty());
  CHECK(ask("SELECT count(*) FROM pinaflux_lane") == "0\n");
}

TEST_CASE_FIXTURE(DictionariesFixture, "a transaction that fails leaves no dictionary") {
  options.outlets.archive = directory / "kept";
  restart();
  std::filesystem::remove_all(directory / "kept");
  std::ofstream(directory / "kept") << "no folder";
  const std::vector<Arrival> both = {gateway.tell(first), send_packed(gateway, first)};
  Landed none;
  REQUIRE_FALSE(store->land(both, {kNoon}, none).has_value());
  CHECK(kept() == "0\n");

  std::filesystem::remove(directory / "kept");
  land({both[1]});
  CHECK(reasons() == "dictionary ");
  CHECK(told() == Ids{});
  land(both);
  CHECK(landed.counts.rows == 10);
}

TEST_CASE_FIXTURE(DictionariesFixture, "one that the database refuses stops nothing else") {
  land({gateway.tell(first)});
  execute(
      "CREATE TRIGGER no AFTER INSERT ON pinaflux_dictionary BEGIN SELECT RAISE(ABORT,'no'); END");
  land({send_packed(gateway, first), gateway.tell(second), send_packed(gateway, first)});
  CHECK(reasons() == "refused_by_database ");
  CHECK(landed.counts.rows == 20);
  CHECK(landed.acks[0].high == 20);
  CHECK(told() == Ids{first.id()});
}

TEST_CASE_FIXTURE(DictionariesFixture, "a database from before dictionaries gets their table") {
  land({gateway.send(5)});
  execute("DROP TABLE pinaflux_dictionary");
  CHECK(ask("PRAGMA user_version") == "1\n");
  land({gateway.tell(first), send_packed(gateway, first)});
  CHECK(landed.counts.rows == 10);
  CHECK(report().complete());
}

// As "refused_before" is judged: it was never taken apart, for it could not be opened.
TEST_CASE_FIXTURE(DictionariesFixture, "one that waited for its dictionary was not refused") {
  const Arrival packed = send_packed(gateway, first);
  land({packed});
  CHECK(ask("SELECT count(*) FROM pinaflux_reject WHERE reason='dictionary'") == "1\n");
  store.reset();
  auto database = open_database(options.database);
  auto ledger = Ledger::prepare(*database);
  REQUIRE(ledger.has_value());
  CHECK_FALSE(*ledger->was_refused(crypto::sha256(packed.payload)));
}
