#include <sys/mount.h>

#include "tests/agent/spool/spool_kit.h"
#include "tests/kit/directory.h"

namespace pinaflux::spool_kit {

namespace fs = std::filesystem;

TEST_CASE_FIXTURE(SpoolFixture,
                  "a lane that holds fills up to its bound, says so early, and drains whole") {
  open();
  std::int64_t n = 0;
  std::int64_t committed_when_full = 0;
  Status done;
  for (;;) {
    add_noise(0, n, 300);
    done = try_commit();
    CHECK(bytes_on_disk(options.directory) <= options.bytes_max);
    if (!done) break;
    group.reset();
    n += 300;
    if (spool->state().full && committed_when_full == 0) committed_when_full = n;
    REQUIRE(n < 100'000);
  }
  CHECK(done.error().code == Code::full);
  CHECK(committed_when_full > 0);
  CHECK(n - committed_when_full >= 1000);
  CHECK(lane_state(0).next_seq == static_cast<std::uint64_t>(n) + 1);

  FarEnd far;
  wish.envelopes = {8};
  int refused = 0;
  while (!try_commit()) {
    REQUIRE(++refused < 100);
    REQUIRE(!leases.empty());
    far.take(leases);
    leases.clear();
    ack(0, far.lanes[0].high);
  }
  far.take(leases);
  leases.clear();
  group.reset();
  n += 300;
  ack(0, far.lanes[0].high);
  drain(*this, far, 0);

  CHECK(far.lanes[0].landed.size() == static_cast<std::size_t>(n));
  for (const auto& [seq, value] : far.lanes[0].landed) {
    REQUIRE(value == static_cast<std::int64_t>(seq) - 1);
  }
  CHECK(!spool->state().full);
  CHECK(lane_state(0).records_queued == 0);
}

TEST_CASE_FIXTURE(SpoolFixture, "a refused group changed nothing and is committed later, once") {
  open();
  std::int64_t n = 0;
  for (;; n += 300) {
    add_noise(0, n, 300);
    if (!try_commit()) break;
    group.reset();
  }
  const LaneState before = lane_state(0);

  CHECK(!try_commit());
  CHECK(!try_commit());

  CHECK(lane_state(0).next_seq == before.next_seq);
  CHECK(lane_state(0).records_queued == before.records_queued);
  CHECK(lane_state(0).bytes_queued == before.bytes_queued);
  open();
  CHECK(lane_state(0).next_seq == before.next_seq);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "a lane that evicts takes everything and declares exactly what it lost") {
  options.lanes[1].when_full = LaneOptions::WhenFull::evict;
  open();
  constexpr int kGroups = 100, kEach = 300;
  for (int k = 0; k < kGroups; ++k) {
    add_noise(1, k * kEach, kEach);
    commit();
    CHECK(!spool->state().full);
    REQUIRE(bytes_on_disk(options.directory) <= options.bytes_max);
    if (k == kGroups / 2) open();
  }
  const LaneState state = lane_state(1);
  CHECK(state.records_shed > 10'000);
  CHECK(state.records_shed + state.records_queued == kGroups * kEach);

  FarEnd far;
  drain(*this, far, 1);

  CHECK(far.lanes[1].lost.size() == state.records_shed);
  CHECK(far.lanes[1].landed.size() == state.records_queued);
  CHECK(far.lanes[1].high == kGroups * kEach);
  for (const auto& [seq, value] : far.lanes[1].landed) {
    REQUIRE(value == static_cast<std::int64_t>(seq) - 1);
  }
  for (const auto& [seq, reason] : far.lanes[1].lost) REQUIRE(reason == "evicted");
  CHECK(far.lanes[1].lost.begin()->first == 1);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "records of a lane that holds displace those of a lane that evicts") {
  options.lanes[1].when_full = LaneOptions::WhenFull::evict;
  open();
  for (int k = 0; k < 20; ++k) {
    add_noise(1, k * 300, 300);
    commit();
  }

  std::int64_t n = 0;
  for (; n < 6000; n += 300) {
    add_noise(0, n, 300);
    commit();
  }

  CHECK(lane_state(0).records_queued == 6000);
  CHECK(lane_state(1).records_shed > 0);
  CHECK(lane_state(1).records_shed + lane_state(1).records_queued == 6000);
}

TEST_CASE_FIXTURE(
    SpoolFixture,
    "a loss that was sent is not changed any more; the next one has its own tombstone") {
  options.lanes = {{.name = "bulk", .when_full = LaneOptions::WhenFull::evict}};
  open();
  std::int64_t n = 0;
  const auto lose_some = [&] {
    for (const std::uint64_t shed = lane_state(0).records_shed;
         lane_state(0).records_shed == shed;) {
      add_noise(0, n, 300);
      commit();
      n += 300;
    }
  };
  lose_some();
  wish.envelopes = {1};
  commit();
  REQUIRE(leases.size() == 1);
  const Lease told = leases[0];
  CHECK(Opener::header(told.bytes)->count == 0);
  wish.envelopes = {0};

  lose_some();
  open();
  wish.envelopes = {2};
  commit();

  REQUIRE(leases.size() == 2);
  CHECK(leases[0].bytes == told.bytes);
  CHECK(leases[1].range.first == told.range.last + 1);
  CHECK(Opener::header(leases[1].bytes)->count == 0);
  FarEnd far;
  far.take(leases);
  ack(0, far.lanes[0].high);
  drain(*this, far, 0);
  CHECK(far.lanes[0].high == static_cast<std::uint64_t>(n));
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "what is older than its lane keeps it is shed and declared as expired") {
  options.lanes[0].keep = Duration::hours(1);
  open();
  add(0, 0, 10);
  add(1, 0, 10);
  commit();
  clock.advance(Duration::minutes(30));
  add(0, 10, 10);
  wish.envelopes.fill(0);
  commit();

  clock.advance(Duration::minutes(40));
  commit();

  CHECK(lane_state(0).records_shed == 10);
  CHECK(lane_state(0).records_queued == 10);
  CHECK(lane_state(1).records_queued == 10);
  FarEnd far;
  drain(*this, far, 0);
  CHECK(far.lanes[0].lost.size() == 10);
  CHECK(far.lanes[0].lost.at(1) == "expired");
  CHECK(far.lanes[0].landed.at(11) == 10);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "a lane that has more than its own bound sheds the oldest, and only its own") {
  options.lanes[1].bytes_max = 1024 * 1024;
  open();
  for (int k = 0; k < 20; ++k) {
    add_noise(0, k * 100, 100);
    add_noise(1, k * 100, 100);
    commit();
    CHECK(lane_state(1).bytes_queued <= options.lanes[1].bytes_max + 120'000);
  }

  CHECK(lane_state(0).records_queued == 2000);
  CHECK(lane_state(1).records_queued > 800);
  CHECK(lane_state(1).records_shed + lane_state(1).records_queued == 2000);
  FarEnd far;
  drain(*this, far, 1);
  CHECK(far.lanes[1].high == 2000);
  CHECK(far.lanes[1].lost.begin()->first == 1);
  for (const auto& [seq, reason] : far.lanes[1].lost) REQUIRE(reason == "expired");
}

TEST_CASE_FIXTURE(
    SpoolFixture,
    "its space is reserved from the start, and stays so over checkpoints and restarts") {
  const kit::TemporaryDirectory disk;
  options.directory = disk / "spool";
  const auto on_disk = [&] {
    std::uint64_t bytes = 0;
    for (const char* name : {"/spool.db", "/spool.db-wal"}) {
      bytes += files.info(options.directory + name)->bytes_on_disk;
    }
    return bytes;
  };
  open();
  if (on_disk() < options.bytes_max / 2) {
    MESSAGE("skipped: this file system reserves no space");
    return;
  }
  CHECK(findings.empty());
  CHECK(on_disk() <= options.bytes_max);
  const std::uint64_t reserved = on_disk();

  for (int k = 0; k < 10; ++k) {
    add_noise(0, k * 300, 300);
    commit();
    CHECK(on_disk() == reserved);
  }
  open();

  CHECK(on_disk() == reserved);
  CHECK(lane_state(0).records_queued == 3000);
  CHECK(spool->state().bytes_used < options.bytes_max / 2);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "on a disk that others have filled the spool takes acks and works again after") {
  fs::create_directories(options.directory);
  if (::mount("none", options.directory.c_str(), "tmpfs", 0, "size=6m") != 0) {
    MESSAGE("skipped: a small file system may not be mounted here");
    return;
  }
  open();
  std::int64_t n = 0;
  for (;; n += 300) {
    add_noise(0, n, 300);
    const Status done = try_commit();
    if (!done) {
      CHECK(done.error().code == Code::full);
      break;
    }
    group.reset();
    REQUIRE(n < 20'000);
  }
  group.reset();
  FarEnd far;
  drain(*this, far, 0);
  CHECK(far.lanes[0].landed.size() == static_cast<std::size_t>(n));
  CHECK(lane_state(0).records_queued == 0);
  add_noise(0, n, 300);
  CHECK(try_commit().has_value());
  spool.reset();
  ::umount(options.directory.c_str());
}

}  // namespace pinaflux::spool_kit
