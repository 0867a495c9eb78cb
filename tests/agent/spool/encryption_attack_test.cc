// Encryption at rest against bad luck and bad will: random bytes that come again, copies of a disk, files that
// were written to, and every place where a value could be left in plain text.

#include <map>
#include <set>

#include "agent/spool/audit.h"
#include "agent/spool/export.h"
#include "agent/spool/purge.h"
#include "agent/spool/repair.h"
#include "agent/spool/schema.h"
#include "tests/agent/spool/encryption_kit.h"
#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {

namespace {

// A generator without entropy: always the same.
class StuckEntropy : public Entropy {
 public:
  void fill(MutableBytes bytes) override { std::ranges::fill(bytes, std::uint8_t{7}); }
};

// By key (its salt) and nonce: the texts that were sealed with both.
using Sealed = std::map<std::pair<Buffer, Buffer>, std::set<Buffer>>;

struct AttackFixture : EncryptionFixture {
  StuckEntropy stuck;

  void collect(const char* sql, Sealed& to) {
    spool.reset();
    auto database = sqlite::Database::open({.path = path(), .read_only = true});
    REQUIRE(database.has_value());
    auto select = (*database)->prepare(sql);
    REQUIRE(select.has_value());
    while (select->step().value_or(false)) {
      const Bytes salt = select->blob(0), text = select->blob(1);
      REQUIRE(text.size() > Encryption::kOverhead);
      to[{Buffer(salt.begin(), salt.end()), Buffer(text.begin(), text.begin() + 12)}].insert(
          Buffer(text.begin(), text.end()));
    }
  }
  void collect_all(Sealed& to) {
    collect("SELECT salt,body FROM queue JOIN keys ON keys.id=kind>>8 WHERE body IS NOT NULL", to);
    collect("SELECT salt,hash FROM queue JOIN keys ON keys.id=kind>>8 WHERE hash IS NOT NULL", to);
    collect("SELECT salt,value FROM sealed_notes JOIN keys ON keys.id=key", to);
    collect(
        "SELECT salt,substr(chain,9) FROM lanes JOIN keys ON "
        "hex(substr(chain,1,1))=printf('%02X',keys.id) WHERE length(chain)=68",
        to);
  }
  // Each commit in a fashion of its own, so that no two machines write the same.
  void live(int machine) {
    for (int i = 0; i < 12; ++i) {
      wish.envelopes.fill(i % 3 == 0);
      add(0, machine * 1000 + i, 1);
      add_notes(static_cast<std::uint8_t>(machine * 20 + i));
      commit();
    }
  }
  void repair() {
    const auto stopped = view(*this);
    const Status done = stopped->change([&](Store& store) {
      Repair repair(store);
      const auto lanes = schema::lanes(*store.database, *store.encryption);
      for (const Lane& lane : *lanes) {
        if (Status s = repair.lane(lane); !s) return s;
      }
      return Status();
    });
    REQUIRE(done.has_value());
  }
  bool intact() {
    Audit audit(Audit::Form::none);
    answer(*view(*this), audit);
    return audit.report().intact();
  }
  // Files of the spool's directory with what must not be in any.
  std::set<std::string> files_with(std::string_view canary) const {
    std::set<std::string> names;
    for (const auto& file : fs::directory_iterator(options.directory)) {
      std::ifstream in(file.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(in), {}};
      if (bytes.find(canary) != std::string::npos) names.insert(file.path().filename());
    }
    return names;
  }
};

}  // namespace

TEST_CASE_FIXTURE(AttackFixture, "no nonce meets two texts, even when all random bytes repeat") {
  random = &stuck;
  options.key_messages_max = 40;
  Sealed sealed;
  open();
  collect_all(sealed);  // The chains of two lanes: the same text in two places.
  CHECK(sealed.size() == 2);
  open();
  add(0, 0, 1);
  commit();
  spool.reset();
  const std::string image = directory.path() + "/image";
  fs::copy(options.directory, image);

  // Two machines from one image, and one that starts again and again.
  for (const int machine : {1, 2, 3}) {
    if (machine < 3) restore(image);
    open();
    live(machine);
    collect_all(sealed);
  }

  CHECK(sealed.size() > 40);
  for (const auto& [place, texts] : sealed) CHECK(texts.size() == 1);
}

TEST_CASE_FIXTURE(AttackFixture, "the same text has another nonce when the random bytes differ") {
  open();
  add_notes(5);
  commit();
  const auto first = blobs("SELECT value FROM sealed_notes ORDER BY name");
  open();
  add_notes(5);
  commit();

  const auto second = blobs("SELECT value FROM sealed_notes ORDER BY name");

  REQUIRE(first.size() == second.size());
  for (std::size_t i = 0; i < first.size(); ++i) CHECK(first[i] != second[i]);
}

TEST_CASE_FIXTURE(AttackFixture, "no number is given to two keys") {
  open();
  fill();
  open();
  add_notes(5);
  commit();
  const auto last = number("SELECT max(id) FROM keys");
  open();
  group.cursors = {{0, "k", {}, true}, {1, "k", {}, true}};
  group.states = {{"s", {}}, {"t", {}}};
  commit();

  for (int i = 0; i < 2; ++i) open();  // Nothing is under the last key any more.
  add(0, 20, 1);
  commit();

  CHECK(number("SELECT max(kind>>8) FROM queue") > last);
}

TEST_CASE_FIXTURE(AttackFixture,
                  "no value is in any file of a spool that is damaged and salvaged") {
  options.lanes = {{.name = "alarm", .keep = Duration::hours(1)}, {.name = "bulk"}};
  open();
  for (const int envelopes : {1, 0, 0, 1}) {
    wish.envelopes.fill(static_cast<std::uint8_t>(envelopes));
    add_canary();
    group.cursors = {{0, "canary value", Buffer{1}, false}};
    group.refusals = {{0, Reason::malformed, 17, 99, 1}};
    commit();
    clock.advance(Duration::minutes(40));
  }
  CHECK(files_with("canary").empty());
  execute("PRAGMA wal_checkpoint(TRUNCATE)");
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  file.write("garbage", 7);
  file.close();

  options.key = "second";
  open();
  CHECK(findings.size() == 2);
  CHECK(name_set_aside(options, files) != "");
  CHECK(files_with("canary").empty());
  options.key_previous = "first";
  open();

  CHECK(name_set_aside(options, files).empty());
  CHECK(spool->state().lanes.size() >= 3);
  CHECK(files_with("canary").empty());
  spool.reset();
  CHECK(files_with("canary").empty());
  options.key.clear();
  options.key_previous = "second";
  open();
  add_canary();
  commit();
  CHECK(files_with("canary value").size() == 1);  // The search finds what is there.
}

TEST_CASE_FIXTURE(AttackFixture, "encryption is turned on, and off, over a queue that is full") {
  options.key.clear();
  open();
  wish.envelopes.fill(0);
  int records = 0;
  for (Status done; done; ++records) {
    add_noise(0, records, 1, 60'000);
    done = try_commit();
    group.reset();
  }
  --records;
  REQUIRE(records > 100);

  options.key = "first";
  open();
  CHECK(number("PRAGMA user_version") == 2);
  open();
  FarEnd far;
  wish.envelopes.fill(2);
  commit();
  REQUIRE(!leases.empty());
  far.take(leases);
  ack(0, far.lanes[0].high);
  wish.envelopes.fill(0);
  commit();
  int more = 0;
  for (Status done; done; ++more) {
    add_noise(0, records + more, 1, 60'000);
    wish.envelopes.fill(0);
    done = try_commit();
    group.reset();
  }
  CHECK(more > 1);
  options.key.clear();
  options.key_previous = "first";
  open();
  drain(far);

  CHECK(far.lanes[0].landed.size() == static_cast<std::size_t>(records + more - 1));
  options.key_previous.clear();
  open();
  CHECK(number("PRAGMA user_version") == 1);
}

TEST_CASE_FIXTURE(AttackFixture, "an export and a purge lead a full queue back to version 1") {
  open();
  fill();
  Export taken({.gateway = "", .lane = "", .version = "1", .made_s = 1});
  const std::string stick = answer(*spool, taken);
  CHECK(stick.find("l=alarm") != std::string::npos);
  options.key.clear();
  options.key_previous = "first";
  open();
  Purge purge("alarm", std::nullopt, Purge::Form::json);
  answer(*spool, purge);
  options.key_previous.clear();

  open();

  CHECK(number("PRAGMA user_version") == 1);
  open();
  FarEnd far = drain();
  CHECK(far.lanes[0].lost.size() == 20);
}

TEST_CASE_FIXTURE(AttackFixture,
                  "verify finds damaged hashes, and repair loses no record to them") {
  open();
  wish.envelopes.fill(8);
  for (int i = 0; i < 4; ++i) {
    add(0, i * 10, 10);
    commit();
  }
  CHECK(intact());
  execute("UPDATE queue SET body=x'00' WHERE id&65535=11");
  repair();
  CHECK(intact());
  execute("UPDATE queue SET hash=zeroblob(92) WHERE id&65535<31");
  CHECK(!intact());

  repair();

  CHECK(intact());
  open();
  FarEnd far = drain();
  CHECK(far.lanes[0].landed.size() == 30);
  CHECK(far.lanes[0].lost.size() == 10);
  CHECK(number("SELECT count(*) FROM queue WHERE kind<256") == 0);
}

TEST_CASE_FIXTURE(AttackFixture, "a row of an older file opens in its own place only") {
  open();
  wish.envelopes.fill(8);
  add(0, 0, 10);
  commit();
  ack(0, 10);
  commit();
  open();  // Its second key.
  add(0, 10, 10);
  commit();
  const std::string other = directory.path() + "/other";
  spool.reset();
  fs::copy(options.directory, other);
  options.directory = directory.path() + "/new";  // The same key, gateway and lanes; another epoch.
  open();
  for (int i = 0; i < 2; ++i) {
    add(0, i * 10, 10);
    commit();
  }
  execute("ATTACH '" + other +
          "/spool.db' AS old;"
          "INSERT OR IGNORE INTO keys SELECT * FROM old.keys;"
          "UPDATE queue SET (kind,hash,body)=(SELECT kind,hash,body FROM old.queue) "
          "WHERE id=(1<<48)+11");

  open();

  FarEnd far = drain();
  CHECK(findings.empty());
  CHECK(far.lanes[0].landed.size() == 10);
  CHECK(far.lanes[0].lost.at(11) == "damaged");
}

}  // namespace pinaflux::spool_kit
