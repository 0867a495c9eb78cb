// An archive of envelopes that need dictionaries: each file can be landed by itself.

#include <filesystem>

#include "agent/collector/archive.h"
#include "agent/collector/import.h"
#include "tests/agent/collector/packed.h"
#include "tests/agent/collector/store_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

constexpr std::int64_t kDay = 86'400'000'000'000;

struct PackedArchiveFixture : StoreFixture {
  Gateway gateway;
  std::vector<Dictionary> all;
  const std::string today = directory / "kept/2026-07-25.archive";
  const std::string tomorrow = directory / "kept/2026-07-26.archive";
  int copies = 0;

  PackedArchiveFixture() {
    options.outlets.archive = directory / "kept";
    restart();
    for (int number = 1; number <= 5; ++number) all.push_back(dictionary_of(number));
  }
  Arrival tell(int number) { return gateway.tell(all[static_cast<std::size_t>(number) - 1]); }
  Arrival packed(int number) {
    return send_packed(gateway, all[static_cast<std::size_t>(number) - 1]);
  }
  void land_on(std::int64_t day, const std::vector<Arrival>& arrivals) {
    landed = Landed{};
    REQUIRE(store->land(arrivals, {kNoon + day * kDay}, landed).has_value());
    CHECK(landed.counts.rejects == 0);
  }
  // The rows that the files give in a new database.
  std::string replayed(const std::vector<std::string>& paths) {
    const std::string copy = directory / ("copy" + std::to_string(++copies) + ".db");
    auto made = CollectorStore::open({copy, {}}, files, findings);
    REQUIRE(made.has_value());
    std::vector<AckMessage> acks;
    for (const std::string& path : paths) {
      Import import(files, path);
      for (Result<bool> more = true; *more;) {
        more = import.step(**made, {kNoon}, acks);
        REQUIRE(more.has_value());
      }
      CHECK_MESSAGE(import.report().complete, import.report().text);
    }
    return rows_of(copy);
  }
  std::string rows_of(const std::string& path) {
    auto database = sqlite::Database::open({.path = path, .read_only = true});
    REQUIRE(database.has_value());
    return query(**database,
                 "SELECT _seq||'|'||inlet_temperature||'|'||outlet_temperature||'|'||oil_pressure"
                 "||'|'||vibration_velocity FROM compressor ORDER BY _gateway,_epoch,_lane,_seq");
  }
  std::string rows() { return rows_of(options.database); }
  long dictionaries_in(const std::string& path) {
    auto reader = ExportReader::open(files, path);
    REQUIRE(reader.has_value());
    long count = 0;
    for (Buffer entry; *(*reader)->next(entry);) count += is_dictionary_message(entry) ? 1 : 0;
    return count;
  }
};

}  // namespace

TEST_CASE_FIXTURE(PackedArchiveFixture,
                  "an archive lands elsewhere with the same rows, by itself") {
  land_on(0, {tell(1), packed(1), gateway.send(5), packed(1)});
  land_on(0, {packed(1), tell(2), packed(2), packed(1)});
  CHECK(dictionaries_in(today) == 2);
  CHECK(std::ranges::count(rows(), '\n') == 50);
  CHECK(replayed({today}) == rows());

  Import import(files, today);
  std::vector<AckMessage> acks;
  while (*import.step(*store, {kNoon}, acks)) continue;
  CHECK(import.report().complete);
  CHECK(import.report().envelopes == 6);
  CHECK(import.report().counts.redelivered == 6);
}

TEST_CASE_FIXTURE(PackedArchiveFixture, "each day's file has the dictionaries that it needs") {
  land_on(0, {tell(1), packed(1)});
  land_on(1, {packed(1), packed(1)});
  CHECK(dictionaries_in(tomorrow) == 1);
  CHECK(replayed({today, tomorrow}) == rows());
  CHECK(replayed({tomorrow, today}) == rows());
  CHECK(std::ranges::count(replayed({tomorrow}), '\n') == 20);
}

TEST_CASE_FIXTURE(PackedArchiveFixture,
                  "a clock that is put back goes on with a file that has none") {
  land_on(0, {tell(1), gateway.send(5)});
  land_on(1, {packed(1)});
  land_on(0, {packed(1)});
  CHECK(dictionaries_in(today) == 1);
  CHECK(std::ranges::count(replayed({today}), '\n') == 10);
}

TEST_CASE_FIXTURE(PackedArchiveFixture,
                  "a file that goes on after a restart has them, if once more") {
  land_on(0, {tell(1), packed(1)});
  restart();
  land_on(0, {packed(1), packed(1)});
  CHECK(dictionaries_in(today) == 2);
  CHECK(replayed({today}) == rows());
}

// By then who lands the file has forgotten the first, as the collector had before the gateway sent it again.
TEST_CASE_FIXTURE(PackedArchiveFixture, "one that later ones have pushed out stands there again") {
  land_on(0, {tell(1), packed(1), tell(2), packed(2), tell(3), packed(3), tell(4), packed(4)});
  land_on(0, {tell(1), tell(5), packed(5), packed(1)});
  CHECK(dictionaries_in(today) == 6);
  CHECK(replayed({today}) == rows());
}

TEST_CASE_FIXTURE(PackedArchiveFixture, "what a transaction took back is written by the next one") {
  land_on(0, {tell(1), gateway.send(5)});
  const std::vector<Arrival> both = {packed(1), gateway.hello()};
  auto database = open_database(options.database);
  REQUIRE(database
              ->execute("CREATE TRIGGER no AFTER INSERT ON pinaflux_gateway BEGIN SELECT "
                        "RAISE(ROLLBACK,'no'); END")
              .has_value());
  Landed none;
  REQUIRE_FALSE(store->land(both, {kNoon}, none).has_value());
  REQUIRE(database->execute("DROP TRIGGER no").has_value());
  land_on(0, both);
  CHECK(dictionaries_in(today) == 1);
  CHECK(replayed({today}) == rows());
}

TEST_CASE_FIXTURE(PackedArchiveFixture,
                  "a file that begins in the place of one that was moved away has them") {
  land_on(0, {tell(1), packed(1)});
  std::filesystem::rename(today, directory / "moved");
  land_on(0, {packed(1)});
  CHECK(dictionaries_in(today) == 1);
  CHECK(std::ranges::count(replayed({today}), '\n') == 10);
  CHECK(replayed({directory / "moved", today}) == rows());
}

TEST_CASE_FIXTURE(PackedArchiveFixture, "gateways and lanes have each their own in it") {
  Gateway other("boiler");
  land_on(0, {tell(1), packed(1), other.tell(all[0]), send_packed(other, all[0])});
  CHECK(dictionaries_in(today) == 2);
  CHECK(replayed({today}) == rows());
}
