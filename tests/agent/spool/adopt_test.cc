#include "agent/spool/adopt.h"

#include "agent/spool/audit.h"
#include "agent/spool/export.h"
#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {

namespace {

// Two spools of one gateway name: `spool` died after an export, `options.directory` is the new one's.
struct AdoptFixture : SpoolFixture {
  FarEnd far;
  std::string stick = directory.path() + "/a.export";

  void write_export() {
    Export operation({.gateway = "", .lane = "", .version = "1", .made_s = 1});
    REQUIRE(files.replace(stick, answer(*spool, operation)).has_value());
  }
  // Ten envelopes of ten records and a chunk of five in lane 0.
  void live_and_die() {
    options.lanes = {{.name = "alarm", .when_full = LaneOptions::WhenFull::evict}};
    open();
    wish.envelopes[0] = 1;
    for (int i = 0; i < 10; ++i) {
      add(0, i * 10, 10);
      commit();
    }
    wish.envelopes[0] = 0;
    add(0, 100, 5);
    commit();
  }
  void replace() {
    spool.reset();
    options.directory = directory.path() + "/new";
    open();
  }
  Result<bool> adopt(std::string* said = nullptr) {
    Adopt operation(std::move(*ExportReader::open(files, stick)));
    Buffer out;
    Result<bool> more = true;
    while (more && *more) more = spool->operate(operation, out);
    if (said != nullptr) *said = as_text(out);
    open();
    return more;
  }
  void drain() {
    wish.envelopes.fill(8);
    do {
      commit();
      far.take(leases);
    } while (!leases.empty());
  }
};

}  // namespace

TEST_CASE("what was imported as JSON is the golden line") {
  CHECK(adopt_json(12, 10, 100, "") ==
        R"({"schema":"pinaflux.queue.import/1","complete":true,"text":"","envelopes":12,)"
        R"("taken":10,"records_taken":100})");
}

TEST_CASE_FIXTURE(AdoptFixture, "what an earlier spool held is sent beside the new one's own") {
  live_and_die();
  const Epoch old = lane_state(0).epoch;
  write_export();
  replace();
  add(0, 0, 3);
  commit();

  std::string said;
  REQUIRE(adopt(&said).has_value());

  CHECK(said.find(R"("taken":11,"records_taken":105)") != std::string::npos);
  REQUIRE(spool->state().lanes.size() == 2);
  CHECK(lane_state(1).epoch == old);
  CHECK(lane_state(1).records_queued == 105);
  drain();
  CHECK(far.lanes[1].landed.size() == 105);
  CHECK(far.lanes[1].landed.at(105) == 104);
  CHECK(far.lanes[0].landed.size() == 3);
}

TEST_CASE_FIXTURE(AdoptFixture, "importing twice changes nothing, before it was sent and after") {
  live_and_die();
  write_export();
  replace();
  REQUIRE(adopt().has_value());
  std::string said;
  REQUIRE(adopt(&said).has_value());
  CHECK(said.find(R"("taken":0)") != std::string::npos);
  CHECK(lane_state(1).records_queued == 105);
  drain();
  ack(1, 105);
  commit();
  REQUIRE(adopt(&said).has_value());
  CHECK(said.find(R"("taken":0)") != std::string::npos);
  CHECK(spool->state().lanes.size() == 1);
}

TEST_CASE_FIXTURE(AdoptFixture, "the part that was acknowledged before is not missed") {
  live_and_die();
  ack(0, 30);
  commit();
  write_export();
  replace();
  REQUIRE(adopt().has_value());
  CHECK(lane_state(1).acked == 30);
  CHECK(lane_state(1).records_queued == 75);
}

TEST_CASE_FIXTURE(AdoptFixture, "tombstones come along, and the whole is sound") {
  options.key.clear();  // A row is changed by hand.
  live_and_die();
  spool.reset();
  execute(*this,
          "UPDATE queue SET kind=1,loss=1,body=NULL,previous=(SELECT hash FROM queue WHERE "
          "id%65536=11) WHERE id%65536=21");
  open();
  write_export();
  replace();
  REQUIRE(adopt().has_value());
  Audit audit(Audit::Form::none);
  answer(*spool, audit);
  CHECK(audit.report().intact());
  drain();
  CHECK(far.lanes[1].lost.size() == 10);
  CHECK(far.lanes[1].lost.at(21) == "evicted");
  CHECK(far.lanes[1].landed.size() == 95);
}

TEST_CASE_FIXTURE(AdoptFixture, "a spool's own export changes nothing in it") {
  live_and_die();
  write_export();
  std::string said;
  REQUIRE(adopt(&said).has_value());
  CHECK(said.find(R"("taken":0)") != std::string::npos);
  CHECK(spool->state().lanes.size() == 1);
}

TEST_CASE_FIXTURE(AdoptFixture, "an export of a clone, whose chain is another, is refused") {
  live_and_die();
  write_export();
  const std::string clone = directory.path() + "/clone";
  std::filesystem::copy(options.directory, clone);
  add(0, 105, 5);
  commit();
  stick = directory.path() + "/b.export";
  write_export();
  spool.reset();
  options.directory = clone;
  open();
  add(0, 900, 5);
  commit();
  stick = directory.path() + "/d.export";
  write_export();
  add(0, 905, 5);
  commit();
  stick = directory.path() + "/c.export";
  write_export();
  replace();
  stick = directory.path() + "/b.export";
  REQUIRE(adopt().has_value());
  stick = directory.path() + "/c.export";

  const auto refused = adopt();

  REQUIRE(!refused.has_value());
  CHECK(refused.error().code == Code::invalid);
  CHECK(lane_state(1).records_queued == 110);
}

TEST_CASE_FIXTURE(AdoptFixture, "another gateway's export is refused, and nothing of it is taken") {
  live_and_die();
  write_export();
  spool.reset();
  options.gateway = "pump-8";
  replace();
  const auto refused = adopt();
  REQUIRE(!refused.has_value());
  CHECK(refused.error().code == Code::invalid);
  CHECK(spool->state().lanes.size() == 1);
}

TEST_CASE_FIXTURE(AdoptFixture, "a damaged stick is not taken for damage of the spool") {
  live_and_die();
  write_export();
  const std::string whole = *files.read_text(stick, 1 << 20);
  replace();
  add(0, 0, 3);
  commit();
  std::string text = whole;
  text[whole.size() / 2] = static_cast<char>(whole[whole.size() / 2] ^ 1);
  REQUIRE(files.replace(stick, text).has_value());

  CHECK_FALSE(adopt().has_value());

  CHECK(lane_state(0).records_queued == 3);
  for (const auto& name : *files.list(options.directory)) {
    CHECK(!name.starts_with("spool.db.damaged"));
  }
}

TEST_CASE_FIXTURE(AdoptFixture,
                  "a cut-off copy is taken as far as it is whole, and said to be cut off") {
  live_and_die();
  write_export();
  const std::string whole = *files.read_text(stick, 1 << 20);
  REQUIRE(files.replace(stick, whole.substr(0, whole.size() / 2)).has_value());
  replace();
  std::string said;
  REQUIRE(adopt(&said).has_value());
  CHECK(said.find(R"("complete":false)") != std::string::npos);
  REQUIRE(files.replace(stick, whole).has_value());
  REQUIRE(adopt(&said).has_value());
  CHECK(lane_state(1).records_queued == 105);
}

}  // namespace pinaflux::spool_kit
