#include "agent/spool/audit.h"

#include "tests/agent/spool/queue_kit.h"

namespace pinaflux::spool_kit {

namespace {

// Lane 1: envelopes 1-10, 11-20, a tombstone 21-30, an envelope 31-40, chunks 41-45, 46-50.
struct AuditFixture : SpoolFixture {
  AuditFixture() {
    options.key.clear();  // Rows are changed by hand; encrypted ones: encryption_test.cc.
    options.lanes = {{.name = "alarm", .when_full = LaneOptions::WhenFull::evict}};
    open();
    for (int i = 0; i < 4; ++i) {
      wish.envelopes[0] = 1;
      add(0, i * 10, 10);
      commit();
    }
    wish.envelopes[0] = 0;
    for (int i = 0; i < 2; ++i) {
      add(0, 40 + i * 5, 5);
      commit();
    }
    spool.reset();
    execute(*this,
            "UPDATE queue SET kind=1,loss=1,body=NULL,previous=(SELECT hash FROM queue WHERE "
            "id%65536=11) WHERE id%65536=21");
  }

  AuditReport audit() {
    Audit audit(Audit::Form::none);
    answer(*view(*this), audit);
    CHECK(audit.damaged() == !audit.report().intact());
    return audit.report();
  }
  // The one fault that it must find, and where.
  void check_found(AuditFault fault, const Range& range) {
    const AuditReport report = audit();
    REQUIRE(!report.findings.empty());
    CHECK(report.findings[0].fault == fault);
    CHECK(report.findings[0].range == range);
  }
};

}  // namespace

// The contract "pinaflux.queue.verify/1": it changes by addition only.
TEST_CASE("the report as JSON is the golden line") {
  AuditReport report;
  report.structure_checked = true;
  LaneAudit lane{.gateway = "pump-7", .name = "alarm", .records = 20, .envelopes = 2, .chunks = 1};
  lane.epoch.fill(0xab);
  lane.tombstones = 1;
  report.lanes = {lane};
  AuditFinding finding{.fault = AuditFault::missing, .gateway = "pump-7", .lane = "alarm"};
  finding.range = {21, 30};
  finding.what = "no row covers this range";
  report.findings = {finding, {.fault = AuditFault::stray, .what = "3 rows"}};
  report.findings_count = 2;

  CHECK(audit_json(report) ==
        R"({"schema":"pinaflux.queue.verify/1","intact":false,"structure_checked":true,)"
        R"("lanes":[{"gateway":"pump-7","lane":"alarm",)"
        R"("epoch":"abababababababababababababababab","records":20,"envelopes":2,"chunks":1,)"
        R"("tombstones":1}],"findings_count":2,"findings":[{"fault":"missing",)"
        R"("gateway":"pump-7","lane":"alarm","epoch":"00000000000000000000000000000000",)"
        R"("first":21,"last":30,"what":"no row covers this range","next":"stop the agent and run )"
        R"(`pinaflux queue repair`: what can be read is kept, the rest is declared lost"},)"
        R"({"fault":"stray","what":"3 rows","next":"stop the agent and run )"
        R"(`pinaflux queue repair`: what can be read is kept, the rest is declared lost"}]})");
}

TEST_CASE_FIXTURE(AuditFixture, "a sound queue is intact, through its tombstones") {
  const AuditReport report = audit();
  CHECK(report.intact());
  CHECK(report.structure_checked);
  REQUIRE(report.lanes.size() == 1);
  CHECK(report.lanes[0].envelopes == 3);
  CHECK(report.lanes[0].tombstones == 1);
  CHECK(report.lanes[0].chunks == 2);
  CHECK(report.lanes[0].records == 40);
}

TEST_CASE_FIXTURE(AuditFixture, "a sealed tombstone is held against its row") {
  open();
  wish.envelopes[0] = 3;
  commit();
  CHECK(audit().intact());
  execute(*this, "UPDATE queue SET loss=2 WHERE id%65536=21");
  check_found(AuditFault::tombstone, {21, 30});
}

TEST_CASE_FIXTURE(AuditFixture, "a flipped byte in an envelope is found, and the audit goes on") {
  execute(*this,
          "UPDATE queue SET body=CAST(substr(body,1,length(body)-9)||x'00'||substr(body,-8) AS "
          "BLOB) WHERE id%65536=11");
  check_found(AuditFault::envelope, {11, 20});
  CHECK(audit().lanes[0].envelopes == 2);
  CHECK(audit().lanes[0].chunks == 2);
}

TEST_CASE_FIXTURE(AuditFixture, "an envelope in another's place is found") {
  execute(*this,
          "UPDATE queue SET body=(SELECT body FROM queue WHERE id%65536=1),hash=(SELECT hash FROM "
          "queue WHERE id%65536=1) WHERE id%65536=11");
  check_found(AuditFault::envelope, {11, 20});
}

TEST_CASE_FIXTURE(AuditFixture, "a broken chain is found where it breaks") {
  execute(*this, "UPDATE queue SET hash=randomblob(32) WHERE id%65536=21");
  check_found(AuditFault::chain, {31, 40});
  execute(*this, "UPDATE lanes SET chain=randomblob(32)");
  CHECK(audit().findings.size() == 2);
}

TEST_CASE_FIXTURE(AuditFixture, "a hole is found, in the middle and at the end") {
  execute(*this, "DELETE FROM queue WHERE id%65536=11");
  check_found(AuditFault::missing, {11, 20});
  execute(*this, "DELETE FROM queue WHERE id%65536=46");
  const AuditReport report = audit();
  CHECK(report.findings.back().range == Range{46, 50});
}

TEST_CASE_FIXTURE(AuditFixture, "a chunk that does not open, and one out of place, are found") {
  execute(*this, "UPDATE queue SET body=x'0102' WHERE id%65536=41");
  check_found(AuditFault::chunk, {41, 45});
  execute(*this, "UPDATE queue SET kind=2 WHERE id%65536=1");
  CHECK(audit().findings[1].fault == AuditFault::order);
}

TEST_CASE_FIXTURE(AuditFixture, "rows of no lane are found") {
  execute(*this, "UPDATE queue SET id=id+(5<<48) WHERE id%65536=46");
  const AuditReport report = audit();
  CHECK(report.findings.back().fault == AuditFault::stray);
}

TEST_CASE_FIXTURE(AuditFixture, "a file that is no database is a finding, not an error") {
  const Error error{Code::corrupt, 0, "the file is not a database"};
  Audit audit(Audit::Form::json);
  Buffer out;
  CHECK(audit.refused(error, out));
  CHECK(audit.damaged());
  CHECK(as_text(out).find(R"("fault":"structure")") != std::string::npos);
  CHECK_FALSE(Audit(Audit::Form::text).refused({Code::denied, 0, "no"}, out));
}

TEST_CASE_FIXTURE(AuditFixture, "a page that was overwritten is found by SQLite's own check") {
  std::unique_ptr<File> file;
  {
    auto opened = files.open(options.directory + "/spool.db", Files::Mode::write);
    REQUIRE(opened.has_value());
    file = std::move(*opened);
  }
  // A page of the queue's tree: its first leaf holds the row of the lane's first envelope.
  auto database = sqlite::Database::open({.path = options.directory + "/spool.db"});
  const auto root = (*database)->integer("SELECT rootpage FROM sqlite_schema WHERE name='queue'");
  database->reset();
  execute(*this, "PRAGMA wal_checkpoint(TRUNCATE)");
  const Buffer garbage(64, 0x5a);
  REQUIRE(file->write_at(static_cast<std::uint64_t>(*root - 1) * 1024 + 8, garbage).has_value());

  const AuditReport report = audit();
  CHECK_FALSE(report.intact());
  CHECK(report.findings[0].fault == AuditFault::structure);
}

TEST_CASE_FIXTURE(SpoolFixture, "an audit between commits finds nothing wrong in what moves") {
  options.lanes = {{.name = "alarm", .when_full = LaneOptions::WhenFull::evict}};
  open();
  for (int i = 0; i < 4; ++i) {
    wish.envelopes[0] = 1;
    add_noise(0, i * 400, 400);
    commit();
  }
  Audit audit(Audit::Form::none);
  Buffer out;
  Result<bool> more = true;
  for (int i = 0; *more; ++i) {
    more = spool->operate(audit, out);
    REQUIRE(more.has_value());
    if (i < 30) {
      if (i % 3 == 0) ack(0, lane_state(0).acked + 110);
      wish.envelopes[0] = i % 2 == 0 ? 4 : 0;
      add_noise(0, 10'000 + i * 300, 300);
      commit();
    }
  }
  CHECK(audit.report().intact());
  CHECK_FALSE(audit.report().structure_checked);
}

}  // namespace pinaflux::spool_kit
