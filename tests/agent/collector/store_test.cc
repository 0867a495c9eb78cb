#include "agent/collector/store.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sys/resource.h>

#include "tests/agent/collector/store_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

// While it lives no file can grow beyond `bytes`: what a full disk does, without a disk.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace

TEST_CASE_FIXTURE(StoreFixture, "an envelope lands with its rows and its ack") {
  Gateway gateway;
  land({gateway.send(100)});
  CHECK(landed.counts.rows == 100);
  REQUIRE(landed.acks.size() == 1);
  CHECK(landed.acks[0].gateway == "pump");
  CHECK(landed.acks[0].lane == "normal");
  CHECK(landed.acks[0].high == 100);
  CHECK_FALSE(landed.acks[0].fork);
  CHECK(ask("SELECT count(*)||','||min(value)||','||max(value) FROM boiler WHERE value=_seq") ==
        "100,1,100\n");
}

TEST_CASE_FIXTURE(StoreFixture,
                  "the ack names the hash of the envelope that ends at its high-water") {
  Gateway gateway;
  const Arrival first = gateway.send(10), second = gateway.send(10);
  land({first, second});
  CHECK(landed.acks[0].hash == Opener::header(second.payload)->hash);
}

TEST_CASE_FIXTURE(StoreFixture,
                  "what comes again after a crash between commit and ack lands once") {
  Gateway gateway;
  const std::vector<Arrival> batch = {gateway.send(50), gateway.send(50)};
  land(batch);
  restart();
  land(batch);
  CHECK(landed.counts.rows == 0);
  CHECK(landed.counts.redelivered == 2);
  REQUIRE(landed.acks.size() == 1);
  CHECK(landed.acks[0].high == 100);
  CHECK(ask("SELECT count(*) FROM boiler") == "100\n");
  CHECK(report().complete());
  CHECK(report().lanes[0].redelivered == 2);
}

TEST_CASE_FIXTURE(StoreFixture, "the same envelope twice in one batch lands once") {
  Gateway gateway;
  const Arrival one = gateway.send(5);
  land({one, one, one});
  CHECK(landed.counts.rows == 5);
  CHECK(landed.counts.redelivered == 2);
}

TEST_CASE_FIXTURE(StoreFixture, "damaged and foreign messages are recorded and stop nobody") {
  Gateway gateway, other("other");
  Arrival damaged = gateway.send(10);
  const Arrival good = damaged;
  damaged.payload[damaged.payload.size() / 2] ^= 1;
  Arrival foreign_gateway = other.send(10), foreign_lane = other.send(10);
  foreign_gateway.gateway = "pump";
  foreign_lane.lane = "alarm";
  const Arrival garbage = gateway.say(Topic::Kind::data, "\x01\x02 not an envelope at all \xff");
  const Arrival empty = gateway.say(Topic::Kind::data, "");
  land({damaged, foreign_gateway, foreign_lane, garbage, empty,
        gateway.say(Topic::Kind::hello, "nonsense"), other.hello(), good});
  CHECK(landed.counts.rejects == 6);
  CHECK(landed.counts.rows == 10);
  CHECK(landed.notices.size() == 6);
  CHECK(ask("SELECT reason FROM pinaflux_reject ORDER BY id") ==
        "damaged\nforeign_gateway\nforeign_lane\ndamaged\ndamaged\ndamaged\n");
}

TEST_CASE_FIXTURE(StoreFixture, "no flipped byte of an envelope lands") {
  Gateway gateway;
  const Arrival good = gateway.send(20);
  std::vector<Arrival> batch;
  for (std::size_t at = 0; at < good.payload.size(); ++at) {
    batch.push_back(good);
    batch.back().payload[at] ^= 0x20;
  }
  land(batch);
  CHECK(landed.counts.rows == 0);
  CHECK(landed.counts.rejects == batch.size());
  land({good});
  CHECK(landed.counts.rows == 20);
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(StoreFixture,
                  "an envelope that contradicts what landed is a fork, told and not landed") {
  Gateway gateway, clone;
  land({gateway.send(10, "boiler")});
  land({clone.send(10, "forged")});
  CHECK(landed.counts.forks == 1);
  REQUIRE(landed.acks.size() == 1);
  CHECK(landed.acks[0].fork);
  CHECK(landed.acks[0].high == 10);
  CHECK(ask("SELECT count(*) FROM sqlite_schema WHERE name='forged'") == "0\n");
  CHECK(report().lanes[0].forks == 1);
  land({gateway.send(10)});
  CHECK_FALSE(landed.acks[0].fork);
}

TEST_CASE_FIXTURE(StoreFixture,
                  "a tombstone is acknowledged like data, and the chain goes on behind it") {
  Gateway gateway;
  land({gateway.send(10)});
  const Arrival tombstone = gateway.lose(20);
  land({tombstone});
  CHECK(landed.counts.declared == 1);
  CHECK(landed.acks[0].high == 30);
  CHECK(landed.acks[0].hash == digest_of(0x77));
  land({tombstone, gateway.send(5)});
  CHECK(landed.acks[0].high == 35);
  CHECK(report().complete());
  CHECK(report().lanes[0].lost.at("evicted") == 20);
  CHECK(report().lanes[0].landed == 15);
}

TEST_CASE_FIXTURE(StoreFixture, "hello is answered for every lane, known or not") {
  Gateway gateway;
  land({gateway.hello()});
  REQUIRE(landed.acks.size() == 1);
  CHECK(landed.acks[0].high == 0);
  land({gateway.send(10)});
  land({gateway.hello(), gateway.hello("alarm")});
  CHECK(landed.acks.size() == 2);
}

TEST_CASE_FIXTURE(StoreFixture, "a status says what a gateway still owes, and is not answered") {
  Gateway gateway;
  land({gateway.send(10)});
  (void)gateway.send(15);
  land({gateway.status("lost")});
  CHECK(landed.acks.empty());
  CHECK(report().lanes[0].outstanding == 15);
  CHECK(ask("SELECT name||state FROM pinaflux_gateway") == "pumplost\n");
}

TEST_CASE_FIXTURE(StoreFixture, "a lane that was acknowledged elsewhere goes on here") {
  Gateway gateway;
  gateway.skip(1000);
  gateway.floor(1001);
  land({gateway.hello()});
  CHECK(landed.acks[0].high == 1000);
  land({gateway.send(10)});
  CHECK(landed.acks[0].high == 1010);
  CHECK(report().complete());
  CHECK(report().lanes[0].earlier == 1000);
}

TEST_CASE_FIXTURE(StoreFixture, "an envelope that the database refuses does not stop the others") {
  Gateway gateway, other("other");
  land({gateway.send(1)});
  {
    auto database = open_database(options.database);
    REQUIRE(database
                ->execute("INSERT INTO boiler(_id,_gateway,_epoch,_lane,_seq,_time)"
                          " SELECT _id+5,'x','x','x',1,1 FROM boiler")
                .has_value());
  }
  land({gateway.send(10), other.send(10)});
  CHECK(landed.counts.rejects == 1);
  CHECK(landed.counts.rows == 10);
  CHECK(ask("SELECT reason FROM pinaflux_reject") == "refused_by_database\n");
  CHECK(ask("SELECT count(*) FROM boiler WHERE _gateway='pump'") == "1\n");
}

TEST_CASE_FIXTURE(StoreFixture,
                  "a full disk changes nothing, and afterwards the same batch lands") {
  Gateway gateway;
  land({gateway.send(10)});
  const std::vector<Arrival> batch = {gateway.send(5000), gateway.send(5000)};
  {
    const FileLimit limit(64 * 1024);
    Landed none;
    CHECK_FALSE(store->land(batch, {kNoon}, none).has_value());
    CHECK(none.acks.empty());
  }
  CHECK(ask("SELECT count(*) FROM boiler") == "10\n");
  land(batch);
  CHECK(landed.counts.rows == 10'000);
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(StoreFixture, "a second collector on the same database is told so") {
  const auto second = CollectorStore::open(options, files, findings);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == Code::busy);
}

TEST_CASE_FIXTURE(StoreFixture,
                  "another program's database and a newer one are refused untouched") {
  store.reset();
  open_database(directory / "theirs.db")->execute("CREATE TABLE t(x)").value();
  const auto theirs = CollectorStore::open({directory / "theirs.db", {}}, files, findings);
  REQUIRE_FALSE(theirs.has_value());
  CHECK(theirs.error().code == Code::invalid);
  open_database(options.database)->execute("PRAGMA user_version=2").value();
  const auto newer = CollectorStore::open(options, files, findings);
  REQUIRE_FALSE(newer.has_value());
  CHECK(newer.error().code == Code::newer);
}

TEST_CASE_FIXTURE(StoreFixture, "files and tables hold the same rows") {
  store.reset();
  options.outlets.ndjson.directory = directory / "out";
  store = open();
  Gateway gateway;
  land({gateway.send(100), gateway.send(100, "pump")});
  restart();
  land({gateway.send(100)});
  const std::string path = directory / "out/boiler/2026-07-25.ndjson";
  auto text = files.read_text(path, 1 << 20);
  REQUIRE(text.has_value());
  CHECK(std::ranges::count(*text, '\n') == 200);
}

TEST_CASE_FIXTURE(StoreFixture, "many shapes, more than are remembered, all land") {
  Gateway gateway;
  for (int i = 0; i < 30; ++i) {
    std::vector<Arrival> batch;
    for (int k = 0; k < 50; ++k) {
      batch.push_back(gateway.send(2, ("s" + std::to_string(i * 50 + k)).c_str()));
    }
    land(batch);
    REQUIRE(landed.counts.rows == 100);
  }
  CHECK(report().complete());
  CHECK(report().lanes[0].landed == 3000);
}
