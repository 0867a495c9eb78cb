#include "agent/spool/repair.h"

#include "agent/spool/schema.h"
#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {

namespace {

// Envelopes 1-10 .. 41-50, then chunks 51-55, 56-60, 61-65.
struct RepairFixture : SpoolFixture {
  FarEnd far;
  std::vector<RepairedLoss> losses;

  RepairFixture() {
    options.key.clear();  // Rows are changed by hand; encrypted ones: encryption_test.cc.
    open();
    for (int i = 0; i < 5; ++i) {
      wish.envelopes[0] = 1;
      add(0, i * 10, 10);
      commit();
    }
    wish.envelopes[0] = 0;
    for (int i = 0; i < 3; ++i) {
      add(0, 50 + i * 5, 5);
      commit();
    }
    spool.reset();
  }
  AuditReport audit(View& view) {
    Audit audit(Audit::Form::none);
    answer(view, audit);
    return audit.report();
  }
  void repair() {
    const auto stopped = view(*this);
    const AuditReport before = audit(*stopped);
    REQUIRE(!before.intact());
    REQUIRE(repairable(before));
    const Status done = stopped->change([&](Store& store) {
      Repair repair(store);
      const auto lanes = schema::lanes(*store.database, *store.encryption);
      for (const Lane& lane : *lanes) {
        if (Status s = repair.lane(lane); !s) return s;
      }
      losses = repair.losses();
      return Status();
    });
    REQUIRE(done.has_value());
    const AuditReport after = audit(*stopped);
    for (const auto& finding : after.findings) MESSAGE(finding.what);
    CHECK(after.intact());
  }
  // The spool opens as it is, and all of the lane arrives, in a chain.
  void drain() {
    open();
    CHECK(findings.empty());
    wish.envelopes.fill(8);
    add(0, 65, 5);
    do {
      commit();
      far.take(leases);
    } while (!leases.empty());
    CHECK(far.lanes[0].landed.size() + far.lanes[0].lost.size() == 70);
    CHECK(lane_state(0).records_shed == far.lanes[0].lost.size());
  }
  void check_lost(std::vector<Range> ranges) {
    REQUIRE(losses.size() == ranges.size());
    std::size_t count = 0;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      CHECK(losses[i].range == ranges[i]);
      count += ranges[i].count();
      CHECK(far.lanes[0].lost.at(ranges[i].first) == "damaged");
    }
    CHECK(far.lanes[0].lost.size() == count);
  }
};

}  // namespace

TEST_CASE("what was repaired as JSON is the golden line") {
  CHECK(repair_json(true, {{"pump-7", "alarm", {11, 20}}}) ==
        R"({"schema":"pinaflux.queue.repair/1","intact":true,"lost":[{"gateway":"pump-7",)"
        R"("lane":"alarm","first":11,"last":20}]})");
}

TEST_CASE_FIXTURE(RepairFixture, "a damaged envelope becomes a tombstone, the rest arrives") {
  execute(*this, "UPDATE queue SET body=x'00' WHERE id%65536=11");
  repair();
  drain();
  check_lost({{11, 20}});
}

TEST_CASE_FIXTURE(RepairFixture, "a hole beside a damaged envelope is one loss with it") {
  execute(*this, "UPDATE queue SET body=x'00' WHERE id%65536=11");
  execute(*this, "DELETE FROM queue WHERE id%65536=21");
  repair();
  drain();
  check_lost({{11, 30}});
}

TEST_CASE_FIXTURE(RepairFixture, "holes at both ends of the lane are closed") {
  execute(*this, "DELETE FROM queue WHERE id%65536=1");
  execute(*this, "DELETE FROM queue WHERE id%65536=61");
  repair();
  drain();
  check_lost({{1, 10}, {61, 65}});
}

TEST_CASE_FIXTURE(RepairFixture, "a chunk that does not open is lost, those around it are not") {
  execute(*this, "UPDATE queue SET body=x'0102' WHERE id%65536=56");
  repair();
  drain();
  check_lost({{56, 60}});
}

TEST_CASE_FIXTURE(RepairFixture,
                  "an envelope that does not follow on is lost, not sent as a fork") {
  execute(*this,
          "UPDATE queue SET body=(SELECT body FROM queue WHERE id%65536=21),hash=(SELECT hash FROM "
          "queue WHERE id%65536=21) WHERE id%65536=11");
  repair();
  drain();
  check_lost({{11, 20}});
}

TEST_CASE_FIXTURE(RepairFixture, "a lane whose chain ends elsewhere is led back to its rows") {
  execute(*this, "UPDATE lanes SET chain=randomblob(32) WHERE name='alarm'");
  repair();
  drain();
  check_lost({});
}

TEST_CASE_FIXTURE(RepairFixture, "a tombstone whose bytes are damaged is sealed anew") {
  execute(*this,
          "UPDATE queue SET kind=1,loss=2,body=x'00',previous=(SELECT hash FROM queue WHERE "
          "id%65536=11) WHERE id%65536=21");
  execute(*this, "UPDATE lanes SET shed=10 WHERE name='alarm'");
  repair();
  drain();
  CHECK(losses.empty());
  CHECK(far.lanes[0].lost.at(21) == "expired");
}

TEST_CASE_FIXTURE(RepairFixture, "after acks the first that is left is taken as it is") {
  open();
  ack(0, 20);
  wish.envelopes.fill(0);
  commit();
  spool.reset();
  execute(*this, "UPDATE queue SET body=x'00' WHERE id%65536=31");
  repair();
  REQUIRE(losses.size() == 1);
  CHECK(losses[0].range == Range{31, 40});
}

TEST_CASE_FIXTURE(RepairFixture, "what is not for it is told apart") {
  execute(*this, "UPDATE queue SET id=id+(5<<48) WHERE id%65536=61");
  CHECK_FALSE(repairable(audit(*view(*this))));
}

}  // namespace pinaflux::spool_kit
