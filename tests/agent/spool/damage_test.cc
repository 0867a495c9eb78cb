#include <csignal>
#include <sys/resource.h>

#include "agent/spool/sqlite.h"
#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::spool_kit {

namespace {

// Writes beyond `bytes` of any file fail with EFBIG, which SQLite takes for a broken disk.
class BrokenDisk {
 public:
  explicit BrokenDisk(rlim_t bytes) {
    old_handler_ = ::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &old_) == 0);
    const rlimit limited{.rlim_cur = bytes, .rlim_max = old_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limited) == 0);
  }
  ~BrokenDisk() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int) = nullptr;
};

void execute(const SpoolFixture& f, const char* sql) {
  auto database = sqlite::Database::open({.path = f.options.directory + "/spool.db"});
  REQUIRE(database.has_value());
  REQUIRE((*database)->make_durable().has_value());
  REQUIRE((*database)->execute(sql).has_value());
}

}  // namespace

TEST_CASE_FIXTURE(SpoolFixture, "a commit that the disk refused is committed by a retry, once") {
  open();
  wish.envelopes.fill(8);
  add(0, 0, 10);
  commit();
  FarEnd far;
  far.take(leases);
  add(0, 10, 10);
  group.cursors = {{0, "k", {1}, false}};
  leases.clear();
  for (rlim_t bytes : {1024, 1500, 2500}) {
    const BrokenDisk broken(bytes);
    const Status done = try_commit();
    REQUIRE(!done.has_value());
    CHECK(done.error().code == Code::io);
    CHECK(leases.empty());
    CHECK(spool->state().lanes.size() == 2);
    CHECK(lane_state(0).next_seq == 11);
  }

  commit();

  far.take(leases);
  CHECK(lane_state(0).next_seq == 21);
  CHECK(far.lanes[0].landed.size() == 20);
  open();
  CHECK(findings.empty());
  CHECK(lane_state(0).records_queued == 20);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "lanes keep their index when the file is opened again after an error") {
  open();
  add(0, 0, 2);
  add(1, 0, 3);
  commit();
  options.lanes = {{.name = "normal"}};
  open();
  wish.envelopes.fill(1);
  commit();
  ack(1, 2);
  commit();
  REQUIRE(lane_state(1).records_queued == 0);
  add(0, 0, 1);
  {
    const BrokenDisk broken(1024);
    REQUIRE(!try_commit());
  }
  commit();

  CHECK(lane_state(1).name == "alarm");
  CHECK(lane_state(2).name == "bulk");
  CHECK(lane_state(2).records_queued == 3);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "a chunk that cannot be opened is declared as damaged, the rest arrives") {
  open();
  for (int i = 0; i < 5; ++i) {
    add(0, i * 10, 10);
    commit();
  }
  spool.reset();
  execute(*this, "UPDATE queue SET body=x'0102030405' WHERE id%65536=21");

  open();
  wish.envelopes.fill(8);
  FarEnd far;
  do {
    commit();
    far.take(leases);
  } while (!leases.empty());

  CHECK(far.lanes[0].landed.size() == 40);
  CHECK(far.lanes[0].lost.size() == 10);
  CHECK(far.lanes[0].lost.at(21) == "damaged");
  CHECK(lane_state(0).records_shed == 10);
}

TEST_CASE_FIXTURE(SpoolFixture, "a queue with a hole is not sent as if it were whole") {
  open();
  for (int i = 0; i < 5; ++i) {
    add(0, i * 10, 10);
    commit();
  }
  spool.reset();
  execute(*this, "DELETE FROM queue WHERE id%65536=21");

  open();

  REQUIRE(findings.size() == 3);
  CHECK(findings[2].find("lane 'alarm' of an earlier queue: 40 queued records") == 0);
  CHECK(lane_state(0).next_seq == 1);
  CHECK(lane_state(2).records_queued == 40);
  CHECK(lane_state(2).records_shed == 10);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "a record that fits into no envelope is declared lost and stops nothing") {
  open();
  add(0, 0, 10);
  commit();
  add(0, 10, 5);
  add_noise(0, 15, 1, 200'000);
  add(0, 16, 4);
  commit();
  wish.envelopes.fill(8);

  add_noise(0, 20, 1, 200'000);
  FarEnd far;
  do {
    commit();
    far.take(leases);
  } while (!leases.empty());

  CHECK(far.lanes[0].high == 21);
  CHECK(far.lanes[0].landed.size() == 19);
  CHECK(far.lanes[0].lost ==
        std::map<std::uint64_t, std::string>{{16, "too_large"}, {21, "too_large"}});
  CHECK(lane_state(0).records_shed == 2);
  CHECK(lane_state(0).records_queued == 19);
  open();
  CHECK(findings.empty());
}

}  // namespace pinaflux::spool_kit
