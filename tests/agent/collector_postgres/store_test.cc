// The same arrivals land in SQLite and in PostgreSQL: gateways are told the same, and the same is there afterwards.

#include <random>
#include <thread>

#include "agent/seal/messages.h"
#include "tests/agent/collector/packed.h"
#include "tests/agent/collector/store_kit.h"
#include "tests/agent/collector_postgres/postgres_kit.h"

namespace pinaflux {

namespace {

using namespace collector_kit;

constexpr std::uint64_t kBoot = 0x9f9f9f9f01020304;

// What gateways that misbehave in all known ways send, from a seed.
class Traffic {
 public:
  explicit Traffic(std::uint64_t seed) : random_(seed) {}

  std::vector<Arrival> batch() {
    std::vector<Arrival> arrivals;
    const std::uint64_t count = 1 + pick(6);
    for (std::uint64_t i = 0; i < count; ++i) add(arrivals);
    return arrivals;
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  Gateway& any() {
    if (pick(8) == 0) return clone_;
    return pick(2) == 0 ? pump_ : boiler_;
  }

  void add(std::vector<Arrival>& to) {
    Gateway& gateway = any();
    switch (pick(15)) {
      case 0: return send(to, gateway.lose(1 + pick(20)));
      case 1: return send(to, gateway.hello("normal", clock(), {}));
      case 2: return send(to, gateway.status(pick(2) == 0 ? "online" : "lost"));
      case 3: {
        Arrival damaged = gateway.send(1 + pick(9));
        damaged.payload[damaged.payload.size() / 2] ^= 0x40;
        return send(to, std::move(damaged));
      }
      case 4:
        if (!sent_.empty()) to.push_back(sent_[pick(sent_.size())]);
        return;
      case 5: (void)gateway.send(1 + pick(9)); return;  // It is late, or gone.
      case 6: return send(to, gateway.send(odd_rows()));
      case 12: return send(to, gateway.tell(any_dictionary()));
      case 13:
      case 14: return send(to, send_packed(gateway, any_dictionary()));
      default: return send(to, gateway.send(1 + pick(40), pick(3) == 0 ? "tank" : "boiler"));
    }
  }

  const Dictionary& any_dictionary() { return dictionaries_[pick(dictionaries_.size())]; }

  std::optional<HelloClock> clock() {
    if (pick(2) == 0) return std::nullopt;
    return HelloClock{.boot = kBoot, .at = Instant{static_cast<std::int64_t>(pick(1'000'000))}};
  }

  const Rows& odd_rows() {
    rows_ = std::make_unique<Rows>();
    const std::uint64_t count = 1 + pick(5);
    for (std::uint64_t i = 0; i < count; ++i) {
      const Stamp time =
          pick(3) == 0 ? Stamp{static_cast<std::int64_t>(pick(1'000'000)), kBoot} : Stamp{kNoon, 0};
      rows_->add("odd", {"a", "b", "c"},
                 {pick(2) == 0 ? Value::int64(7) : Value::float64(0.5),
                  pick(2) == 0 ? Value::null() : Value::text("it's \t a \\ text\n"),
                  pick(2) == 0 ? Value::boolean(true) : Value::uint64(~std::uint64_t{0})},
                 time);
    }
    return *rows_;
  }

  void send(std::vector<Arrival>& to, Arrival arrival) {
    if (arrival.kind == Topic::Kind::hello) arrival.received = Reception{WallTime{kNoon}, true};
    sent_.push_back(arrival);
    if (pick(10) > 0) to.push_back(std::move(arrival));
  }

  std::mt19937_64 random_;
  Gateway pump_{"pump", 0xe1}, boiler_{"boiler", 0xe2};
  Gateway clone_{"pump", 0xe1};
  std::vector<Arrival> sent_;
  std::unique_ptr<Rows> rows_;
  // One more than a lane keeps.
  const std::vector<Dictionary> dictionaries_ = {
      dictionary_of(1), dictionary_of(2), dictionary_of(3), dictionary_of(4), dictionary_of(5)};
};

std::string told(const Landed& landed) {
  std::string text;
  for (const AckMessage& ack : landed.acks) text += format(ack) + "\n";
  for (const Notice& notice : landed.notices) {
    text += notice.gateway + " " + notice.lane + " " + notice.reason + "\n";
  }
  const Counts& c = landed.counts;
  for (const std::uint64_t count :
       {c.envelopes, c.rows, c.redelivered, c.declared, c.forks, c.rejects}) {
    text += std::to_string(count) + " ";
  }
  return text;
}

}  // namespace

TEST_CASE("gateways are told the same as by SQLite, whoever of two collectors they come to") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    StoreFixture sqlite;
    PostgresFixture postgres;
    auto second = postgres.open("second");
    Traffic traffic(seed);
    std::mt19937_64 random(seed);
    for (int turn = 0; turn < 60; ++turn) {
      CAPTURE(turn);
      const std::vector<Arrival> arrivals = traffic.batch();
      const std::string expected = told(sqlite.land(arrivals));
      if (random() % 10 == 0) postgres.restart();
      if (random() % 10 == 0) postgres.cut();
      if (random() % 2 == 0) std::swap(postgres.store, second);
      CHECK(told(postgres.land(arrivals)) == expected);
    }
    CHECK(verify_json(postgres.report()) == verify_json(sqlite.report()));
    for (const char* table : {"boiler", "tank"}) {
      const std::string sql =
          std::string("SELECT _gateway||'|'||_epoch||'|'||_seq||'|'||value FROM ") + table +
          " ORDER BY _gateway,_epoch,_seq";
      CHECK(postgres.ask(sql) == sqlite.ask(sql));
    }
    const std::string dictionaries =
        "SELECT l.id||'|'||d.id||'|'||number||'|'||length(content) FROM pinaflux_dictionary d"
        " JOIN pinaflux_lane l ON d.lane=l.id ORDER BY l.id,number";
    CHECK(postgres.ask(dictionaries) == sqlite.ask(dictionaries));
  }
}

TEST_CASE_FIXTURE(PostgresFixture, "a dictionary that came to one collector serves all") {
  auto second = open("second");
  Gateway gateway;
  const Dictionary one = dictionary_of(1), other = dictionary_of(2);
  const std::vector<Arrival> sent = {gateway.tell(one), send_packed(gateway, one),
                                     gateway.tell(other), send_packed(gateway, other),
                                     send_packed(gateway, one)};
  land({sent[0]});
  std::swap(store, second);
  land({sent[1]});
  CHECK(landed.counts.rows == 10);
  std::swap(store, second);
  land({sent[2]});
  std::swap(store, second);
  land({sent[3]});
  CHECK(landed.counts.rows == 10);
  restart();
  land({sent[4]});
  CHECK(landed.counts.rows == 10);
  CHECK(ask("SELECT count(*) FROM compressor WHERE inlet_temperature=_seq") == "30\n");
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(PostgresFixture, "a dictionary is not kept by a transaction that fails") {
  Gateway gateway;
  const Dictionary one = dictionary_of(1);
  land({gateway.send(5)});
  run("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM"
      " pg_terminate_backend(pg_backend_pid()); RETURN NEW; END$$;"
      "CREATE TRIGGER no BEFORE INSERT ON pinaflux_dictionary FOR EACH ROW EXECUTE FUNCTION no()");
  const std::vector<Arrival> both = {gateway.tell(one), send_packed(gateway, one)};
  Landed none;
  CHECK_FALSE(store->land(both, {kNoon}, none).has_value());
  run("DROP TRIGGER no ON pinaflux_dictionary");
  land({both[1]});
  CHECK(landed.counts.rows == 0);
  REQUIRE(landed.acks.size() == 1);
  CHECK(landed.acks[0].dictionaries == std::vector<std::string>{});
  land(both);
  CHECK(landed.counts.rows == 10);
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(PostgresFixture,
                  "a row that is refused leaves the batch's dictionaries as they are") {
  Gateway gateway;
  const Dictionary one = dictionary_of(1);
  land({gateway.send(5)});
  run("ALTER TABLE boiler ADD CHECK (value<>8)");
  land({gateway.tell(one), gateway.send(5), send_packed(gateway, one)});
  CHECK(landed.counts.rows == 15);
  CHECK(landed.counts.quarantined == 1);
  land({send_packed(gateway, one)});
  CHECK(landed.counts.rows == 10);
  CHECK(ask("SELECT count(*) FROM compressor") == "20\n");
}

TEST_CASE_FIXTURE(PostgresFixture, "a database from before dictionaries gets their table") {
  Gateway gateway;
  const Dictionary one = dictionary_of(1);
  land({gateway.send(5)});
  store.reset();
  run("DROP TABLE pinaflux_dictionary");
  store = open();
  land({gateway.tell(one), send_packed(gateway, one)});
  CHECK(landed.counts.rows == 10);
  CHECK(ask("SELECT version FROM pinaflux_version") == "1\n");
}

TEST_CASE_FIXTURE(PostgresFixture, "an envelope that comes to two collectors at once lands once") {
  auto second = open("second");
  Gateway gateway;
  std::uint64_t envelopes = 0;
  for (int turn = 0; turn < 40; ++turn) {
    const std::vector<Arrival> arrivals = {gateway.send(10), gateway.send(5, "tank")};
    Landed here, there;
    Status other;
    std::thread thread([&] { other = second->land(arrivals, {kNoon}, there); });
    const Status done = store->land(arrivals, {kNoon}, here);
    thread.join();
    CHECK(done.has_value());
    CHECK(other.has_value());
    envelopes += here.counts.envelopes + there.counts.envelopes;
    CHECK(here.counts.envelopes + there.counts.envelopes == 2);
  }
  CHECK(envelopes == 80);
  CHECK(report().complete());
  CHECK(ask("SELECT count(*) FROM boiler") == "400\n");
}

TEST_CASE_FIXTURE(PostgresFixture, "what two collectors land of one lane at once is one account") {
  auto second = open("second");
  Gateway gateway;
  for (int turn = 1; turn <= 40; ++turn) {
    const std::vector<Arrival> one = {gateway.send(10)}, other = {gateway.send(5)};
    Landed here, there;
    Status done;
    std::thread thread([&] { done = second->land(other, {kNoon}, there); });
    CHECK(store->land(one, {kNoon}, here).has_value());
    thread.join();
    CHECK(done.has_value());
    CHECK(
        ask("SELECT high,first,r.last FROM pinaflux_lane l JOIN pinaflux_range r ON r.lane=l.id") ==
        std::to_string(turn * 15) + "|1|" + std::to_string(turn * 15) + "\n");
  }
}

TEST_CASE_FIXTURE(PostgresFixture, "a database that is away is found again, and nothing is lost") {
  Gateway gateway;
  land({gateway.send(10)});
  cut();
  land({gateway.send(10)});
  store.reset();
  run("ALTER SCHEMA pinaflux RENAME TO elsewhere");
  run("ALTER SCHEMA elsewhere RENAME TO pinaflux");
  store = open();
  land({gateway.send(10)});
  CHECK(report().complete());
  CHECK(ask("SELECT count(*) FROM boiler") == "30\n");
}

TEST_CASE_FIXTURE(PostgresFixture, "files are in step with the database") {
  options.outlets.ndjson.directory = directory / "lines";
  options.outlets.archive = directory / "archive";
  restart();
  Gateway gateway;
  land({gateway.send(3)});
  const std::string path = directory / "lines/boiler/2026-07-25.ndjson";
  const auto lines = files.read_text(path, 1'000'000);
  REQUIRE(lines.has_value());
  CHECK(std::ranges::count(*lines, '\n') == 3);
  // Written by a transaction that did not commit.
  auto file = files.open(path, Files::Mode::write);
  REQUIRE(file.has_value());
  REQUIRE((*file)->write_at(lines->size(), as_bytes("{\"half")).has_value());
  cut();
  land({gateway.send(2)});
  const auto after = files.read_text(path, 1'000'000);
  REQUIRE(after.has_value());
  CHECK(std::ranges::count(*after, '\n') == 5);
  CHECK(after->find("half") == std::string::npos);
}

TEST_CASE_FIXTURE(PostgresFixture,
                  "another program's database and a newer collector's are left alone") {
  store.reset();
  run("UPDATE pinaflux_version SET version=99; DROP TABLE pinaflux_dictionary");
  const auto newer = CollectorStore::open(options, files, findings);
  REQUIRE_FALSE(newer.has_value());
  CHECK(newer.error().code == Code::newer);
  CHECK(ask("SELECT to_regclass('pinaflux_dictionary')") == "~\n");
}

}  // namespace pinaflux
