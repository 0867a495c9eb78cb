#include <sqlite3.h>

#include "tests/agent/collector/store_kit.h"

using namespace pinaflux;
using namespace pinaflux::collector_kit;

namespace {

// An operator's own rules: the database does not take the value 13, not even into quarantine.
struct RefusedFixture : StoreFixture {
  Gateway gateway;

  RefusedFixture() {
    land({gateway.send(10)});
    execute(
        "CREATE TRIGGER rule BEFORE INSERT ON boiler WHEN NEW.value=13 BEGIN SELECT "
        "RAISE(ABORT,'no'); "
        "END;"
        "CREATE TRIGGER rule_too BEFORE INSERT ON pinaflux_quarantine BEGIN SELECT "
        "RAISE(ABORT,'nor here'); END");
  }
  const std::vector<RefusedEnvelope>& refused() const {
    REQUIRE(landed.acks.size() == 1);
    return landed.acks[0].refused;
  }
};

}  // namespace

TEST_CASE_FIXTURE(RefusedFixture,
                  "what the database refuses stops nobody, and its gateway is told") {
  const Arrival bad = gateway.send(10), good = gateway.send(10);
  land({bad, good});
  CHECK(landed.counts.rows == 10);
  const Header header = *Opener::header(bad.payload);
  REQUIRE(refused().size() == 1);
  CHECK(refused()[0] == RefusedEnvelope{{11, 20}, header.hash, "refused_by_database"});
  CHECK(landed.acks[0].high == 10);
  CHECK(ask("SELECT reason||first||'-'||last FROM pinaflux_reject") ==
        "refused_by_database11-20\n");
}

TEST_CASE_FIXTURE(RefusedFixture, "the parts of what was refused land, and the chain goes on") {
  const Arrival bad = gateway.send(10), next = gateway.send(10);
  const Digest end = Opener::header(bad.payload)->hash;
  land({bad});
  const Arrival first = gateway.part({11, 12}, Opener::header(bad.payload)->previous);
  const Digest middle = Opener::header(first.payload)->hash;
  const Arrival lost = gateway.give_up({13, 13}, middle, digest_of(0x55));
  const Arrival last = gateway.part({14, 20}, digest_of(0x55), end);
  std::vector<Arrival> parts{first, lost, last, next};
  SUBCASE("in order") {}
  SUBCASE("backwards") { std::ranges::reverse(parts); }
  SUBCASE("the refused one comes once more, late") {
    parts.insert(parts.begin() + 1, bad);
    parts.insert(parts.begin() + 4, bad);
    parts.push_back(bad);
  }
  SUBCASE("all of them twice") {
    const auto once = parts;
    parts.insert(parts.end(), once.begin(), once.end());
  }
  for (const Arrival& part : parts) land({part});

  CHECK(landed.acks[0].high == 30);
  CHECK_FALSE(landed.acks[0].fork);
  for (const Comparison& told : landed.acks[0].compared) CHECK(is_known(told));
  CHECK(ask("SELECT count(*) FROM boiler WHERE value=_seq") == "29\n");
  const VerifyReport report = this->report();
  CHECK(report.complete());
  CHECK(report.lanes[0].landed == 29);
  CHECK(report.lanes[0].renumbered == 0);
  CHECK(report.lanes[0].lost.at("undeliverable") == 1);
}

TEST_CASE_FIXTURE(RefusedFixture,
                  "late, between its parts, it is refused again, and not sent anywhere else") {
  const Arrival bad = gateway.send(10);
  land({bad});
  land({gateway.part({11, 12}, Opener::header(bad.payload)->previous)});
  land({bad});
  CHECK(refused().size() == 1);
  CHECK(landed.acks[0].compared.empty());
  CHECK(report().lanes[0].renumbered == 0);
}

TEST_CASE_FIXTURE(RefusedFixture,
                  "once the database takes it, the whole lands in place of its parts") {
  const Arrival bad = gateway.send(10);
  land({bad});
  const Arrival first = gateway.part({11, 12}, Opener::header(bad.payload)->previous);
  execute("DROP TRIGGER rule");
  land({bad});
  CHECK(landed.acks[0].high == 20);
  land({first});
  CHECK(landed.counts.rows == 0);
  CHECK(ask("SELECT count(*) FROM boiler") == "20\n");
  CHECK(report().complete());
}

TEST_CASE_FIXTURE(RefusedFixture,
                  "what is newer, foreign or without a name is not refused for good") {
  Arrival newer = gateway.send(5);
  const std::string text(as_text(newer.payload));
  newer.payload.clear();
  append(newer.payload, "pinaflux/9" + text.substr(text.find(' ')));
  Gateway other("other");
  Arrival foreign = other.send(5);
  foreign.gateway = "pump";
  land({newer, foreign, gateway.say(Topic::Kind::data, "rubbish")});
  CHECK(landed.counts.rejects == 3);
  CHECK(landed.acks.empty());
}

TEST_CASE_FIXTURE(RefusedFixture, "a damaged header makes no lane") {
  Gateway elsewhere("pump", 0x77);
  Arrival bad = elsewhere.send(5);
  bad.payload.back() ^= 1;
  land({bad});
  CHECK(landed.acks.empty());
  CHECK(ask("SELECT count(*) FROM pinaflux_lane") == "1\n");
}

TEST_CASE_FIXTURE(RefusedFixture, "a damaged envelope that says whose it is, is refused for good") {
  Arrival bad = gateway.send(5);
  bad.payload.back() ^= 1;
  land({bad});
  REQUIRE(refused().size() == 1);
  CHECK(refused()[0].reason == "damaged");
  CHECK(refused()[0].range == Range{11, 15});
}

TEST_CASE_FIXTURE(StoreFixture,
                  "a batch for which memory ran out is not refused: it is landed later") {
  Gateway gateway;
  land({gateway.send(10)});
  Rows rows;
  const std::string text(20'000, 'x');
  for (int i = 0; i < 200; ++i) rows.add("long", {"text"}, {Value::text(text)}, {kNoon, 0});
  const Arrival arrival = gateway.send(rows);

  sqlite3_hard_heap_limit64(sqlite3_memory_used() + 1'000);
  Landed landed;
  const Status failed = store->land({&arrival, 1}, {kNoon}, landed);
  sqlite3_hard_heap_limit64(0);

  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == Code::io);
  CHECK(std::string(failed.error().what).find("memory ran out") != std::string::npos);
  restart();
  land({arrival});
  CHECK(this->landed.counts.rows == 200);
  CHECK(ask("SELECT count(*) FROM pinaflux_reject") == "0\n");
}
