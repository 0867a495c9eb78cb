#include <set>

#include "tests/agent/spool/encryption_kit.h"

namespace pinaflux::spool_kit {

namespace {

constexpr std::string_view kCanaries[] = {"canary/stream", "canary_field",    "canary value",
                                          "canary/cursor", "canary position", "canary/state",
                                          "canary last"};

}  // namespace

TEST_CASE_FIXTURE(EncryptionFixture, "what was stored with a key is read back with it") {
  open();
  fill();
  add_notes(5);
  commit();

  open();

  CHECK(findings.empty());
  check_notes(5);
  FarEnd far = drain();
  CHECK(far.lanes[0].landed.size() == 20);
  CHECK(far.lanes[0].landed.at(20) == 19);
  CHECK(number("SELECT count(*) FROM cursors") == 0);
  CHECK(number("PRAGMA user_version") == 2);
}

TEST_CASE_FIXTURE(EncryptionFixture, "no value, name, position or hash is in the files") {
  for (const bool encrypted : {true, false}) {
    CAPTURE(encrypted);
    options.directory = directory.path() + (encrypted ? "/closed" : "/open");
    options.key = encrypted ? "first" : "";
    open();
    wish.envelopes.fill(1);
    add_canary();
    group.cursors = {{0, "canary/cursor", Buffer(15, 1), false}};
    std::ranges::copy(as_bytes("canary position"), group.cursors[0].value.begin());
    group.states = {{"canary/state", Buffer(11, 1)}};
    std::ranges::copy(as_bytes("canary last"), group.states[0].value.begin());
    commit();
    REQUIRE(leases.size() == 1);
    const std::string hash(as_text(Bytes(leases[0].hash).first(16)));
    wish.envelopes.fill(0);
    add_canary();
    commit();

    const std::string logged = raw("-wal");
    spool.reset();
    const std::string checkpointed = raw("");

    for (const std::string& bytes : {logged, checkpointed}) {
      for (const auto canary : kCanaries) {
        CAPTURE(std::string(canary));
        CHECK((bytes.find(canary) == std::string::npos) == encrypted);
      }
      CHECK((bytes.find(hash) == std::string::npos) == encrypted);
    }
  }
}

TEST_CASE_FIXTURE(EncryptionFixture,
                  "every flipped byte of a body is found, and declared damaged") {
  open();
  fill();
  spool.reset();
  const std::string whole = directory.path() + "/whole";
  fs::copy(options.directory, whole);
  const auto bodies = blobs("SELECT body FROM queue ORDER BY id");
  REQUIRE(bodies.size() == 2);
  for (std::size_t row = 0; row < bodies.size(); ++row) {
    const std::uint64_t first = 1 + row * 10;
    for (std::size_t byte = 0; byte < bodies[row].size(); ++byte) {
      CAPTURE(byte);
      restore(whole);
      Buffer flipped = bodies[row];
      flipped[byte] ^= 1;
      execute("UPDATE queue SET body=x'" + hex(flipped) +
              "' WHERE id&65535=" + std::to_string(first));

      open();

      FarEnd far = drain();
      CHECK(far.lanes[0].landed.size() == 10);
      CHECK(far.lanes[0].lost.size() == 10);
      CHECK(far.lanes[0].lost.contains(first));
      CHECK(far.lanes[0].lost.begin()->second == "damaged");
      CHECK(lane_state(0).records_queued == 0);
      CHECK(lane_state(0).bytes_queued == 0);
    }
  }
}

TEST_CASE_FIXTURE(EncryptionFixture, "an envelope outlives its damaged hash, a tombstone too") {
  open();
  wish.envelopes.fill(8);
  for (int i = 0; i < 4; ++i) {
    add(0, i * 10, 10);
    commit();
  }
  execute("UPDATE queue SET body=x'00' WHERE id&65535=11");
  open();
  commit();
  CHECK(leases.size() == 4);
  execute("UPDATE queue SET hash=zeroblob(92) WHERE id&65535<31");

  open();

  FarEnd far = drain();
  CHECK(far.lanes[0].landed.size() == 30);
  CHECK(far.lanes[0].lost.size() == 10);
}

TEST_CASE_FIXTURE(EncryptionFixture, "a row that was moved to another seq or lane does not open") {
  open();
  wish.envelopes.fill(8);
  for (const LaneIndex lane : {LaneIndex{0}, LaneIndex{1}}) {
    for (int i = 0; i < 2; ++i) {
      add(lane, i * 10, 10);
      commit();
    }
  }
  spool.reset();
  const std::string whole = directory.path() + "/whole";
  fs::copy(options.directory, whole);
  const std::string move = "UPDATE queue SET (hash,body)=(SELECT hash,body FROM queue WHERE id=";
  for (const std::string from : {"(1<<48)+11", "(2<<48)+1"}) {
    CAPTURE(from);
    restore(whole);
    execute(move + from + ") WHERE id=(1<<48)+1");

    open();

    FarEnd far = drain();
    CHECK(far.lanes[0].landed.size() == 10);
    CHECK(far.lanes[0].lost.at(1) == "damaged");
    CHECK(far.lanes[1].landed.size() == 20);
  }
}

TEST_CASE_FIXTURE(EncryptionFixture, "with another key or none the file stays byte for byte") {
  open();
  fill();
  add_notes(5);
  commit();
  const std::string live = directory.path() + "/live";
  fs::copy(options.directory, live);  // As a kill leaves it: the log is not checkpointed.
  spool.reset();
  options.directory = live;
  const std::string before = fingerprint();
  const struct {
    std::string key, previous, told;
  } kWrong[] = {{"second", "", "with another key"},
                {"", "second", "with another key"},
                {"", "", "no key is given"}};
  for (const auto& wrong : kWrong) {
    options.key = wrong.key;
    options.key_previous = wrong.previous;

    const Status opened = try_open();

    REQUIRE(!opened.has_value());
    CHECK(opened.error().code == Code::denied);
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].find(wrong.told) != std::string::npos);
    INFO(findings[0]);
    CHECK(findings[0].find("holds 8 rows") != std::string::npos);
    CHECK((fingerprint() == before));
  }

  options.key = "first";
  options.key_previous.clear();
  open();

  check_notes(5);
  FarEnd far = drain();
  CHECK(far.lanes[0].landed.size() == 20);
}

TEST_CASE_FIXTURE(EncryptionFixture, "a key that the vault does not have is refused") {
  options.key = "third";

  const Status opened = try_open();

  REQUIRE(!opened.has_value());
  CHECK(opened.error().code == Code::invalid);
  CHECK(!fs::exists(path()));
}

TEST_CASE_FIXTURE(
    EncryptionFixture,
    "encryption is turned on and off with a queue, which version 1 then reads again") {
  options.key.clear();
  open();
  fill();
  add_notes(3);
  commit();
  CHECK(number("PRAGMA user_version") == 1);

  options.key = "first";
  open();
  check_notes(3);
  add(0, 20, 10);
  commit();
  CHECK(number("SELECT count(*) FROM cursors") == 0);
  CHECK(number("SELECT count(*) FROM queue WHERE kind<256") == 2);
  CHECK(number("SELECT count(*) FROM queue WHERE kind>=256") == 1);

  options.key.clear();
  options.key_previous = "first";
  open();
  check_notes(3);
  add(0, 30, 10);
  commit();
  CHECK(number("SELECT count(*) FROM sealed_notes") == 0);
  CHECK(number("PRAGMA user_version") == 2);
  open();
  FarEnd far = drain();
  CHECK(far.lanes[0].landed.size() == 40);
  CHECK(far.lanes[0].landed.at(40) == 39);

  options.key_previous.clear();
  open();
  check_notes(3);
  CHECK(number("PRAGMA user_version") == 1);
  CHECK(number("SELECT count(*) FROM sqlite_schema WHERE name IN ('keys','sealed_notes')") == 0);
}

TEST_CASE_FIXTURE(EncryptionFixture,
                  "a key is changed while the queue is full of the earlier one") {
  open();
  fill();
  add_notes(5);
  commit();

  options.key = "second";
  options.key_previous = "first";
  open();
  check_notes(5);
  add_notes(6);
  group.states = {{"s", {6, 6}}};
  add(0, 20, 10);
  commit();
  check_notes(6);
  options.key_previous.clear();
  CHECK(try_open().error().code == Code::denied);
  options.key_previous = "first";
  open();
  FarEnd far = drain();
  CHECK(far.lanes[0].landed.size() == 30);

  options.key_previous.clear();
  open();
  check_notes(6);
}

TEST_CASE_FIXTURE(EncryptionFixture, "no nonce is used twice, and a key for so many texts only") {
  options.key_messages_max = 8;
  for (int opening = 0; opening < 3; ++opening) {
    open();
    for (int i = 0; i < 20; ++i) {
      wish.envelopes.fill(i % 2);
      add(0, i, 1);
      add_notes(static_cast<std::uint8_t>(i));
      commit();
    }
  }

  std::multiset<Buffer> nonces;
  for (const auto* sql : {"SELECT substr(body,1,12) FROM queue WHERE body IS NOT NULL",
                          "SELECT substr(hash,1,12) FROM queue WHERE hash IS NOT NULL",
                          "SELECT substr(value,1,12) FROM sealed_notes",
                          "SELECT substr(chain,9,12) FROM lanes WHERE length(chain)=68"}) {
    for (auto& nonce : blobs(sql)) nonces.insert(std::move(nonce));
  }
  CHECK(nonces.size() > 60);
  CHECK(std::set<Buffer>(nonces.begin(), nonces.end()).size() == nonces.size());
  CHECK(number("SELECT max(n) FROM (SELECT count(*) AS n FROM queue GROUP BY kind>>8)") <= 8);
  CHECK(number("SELECT count(*) FROM keys") >= 12);
  open();
  FarEnd far = drain();
  CHECK(far.lanes[0].landed.size() == 60);
}

TEST_CASE_FIXTURE(EncryptionFixture,
                  "each opening has a key of its own, and old ones are deleted") {
  std::set<Buffer> salts;
  for (int opening = 0; opening < 5; ++opening) {
    open();
    fill();
    spool.reset();
    for (auto& salt : blobs("SELECT salt FROM keys")) salts.insert(std::move(salt));
    CHECK(number("SELECT count(*) FROM keys") == opening + 1);
  }
  CHECK(salts.size() == 5);

  open();
  FarEnd far = drain();
  CHECK(far.lanes[0].landed.size() == 100);
  open();

  CHECK(number("SELECT count(*) FROM keys") <= 2);
}

TEST_CASE_FIXTURE(EncryptionFixture, "a damaged key costs the rows under it, not the spool") {
  open();
  fill();
  add_notes(5);
  commit();
  open();
  add(0, 20, 10);
  commit();
  execute("UPDATE keys SET salt=zeroblob(32) WHERE id=(SELECT kind>>8 FROM queue LIMIT 1)");
  execute("UPDATE lanes SET chain=zeroblob(32)");

  open();

  CHECK(spool->states().empty());
  FarEnd far;
  wish.envelopes.fill(8);
  commit();
  REQUIRE(!leases.empty());
  CHECK(lane_state(0).records_shed == 20);
  CHECK(lane_state(0).next_seq == 31);
}

TEST_CASE_FIXTURE(EncryptionFixture,
                  "a damaged queue waits for its key, and is salvaged with it, no value in plain") {
  open();
  fill();
  wish.envelopes.fill(0);
  add_canary();
  add_notes(5);
  commit();
  execute("DELETE FROM queue WHERE id=(SELECT min(id) FROM queue)");
  fs::rename(path(), path() + ".damaged-1");

  options.key = "second";
  open();
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].find("is encrypted with another key") != std::string::npos);
  CHECK(spool->states().empty());

  options.key_previous = "first";
  open();

  CHECK(spool->state().lanes.size() == 3);
  CHECK(raw("-wal").find("canary") == std::string::npos);
  CHECK(number("SELECT count(*) FROM cursors") == 0);
  CHECK(number("SELECT count(*) FROM sealed_notes") == 4);
  CHECK(raw("").find("canary") == std::string::npos);
  open();
  check_notes(5);
  wish.envelopes.fill(8);
  commit();
  REQUIRE(leases.size() == 2);
  CHECK(lane_state(2).records_shed == 10);
  CHECK(lane_state(2).records_queued == 11);
  CHECK(fs::exists(path()));
  for (const auto& file : fs::directory_iterator(options.directory)) {
    CHECK(file.path().filename().string().find("damaged") == std::string::npos);
  }
}

TEST_CASE_FIXTURE(EncryptionFixture, "the hash of a refusal is stored under the key, too") {
  open();
  group.refusals = {{0, Reason::malformed, 17, 99, 1}};
  add(0, 0, 1);
  commit();

  CHECK(number("SELECT hash FROM dead_letters") != 99);
}

}  // namespace pinaflux::spool_kit
