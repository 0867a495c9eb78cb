// Power cuts of a real kernel: ext4 on a loop device, stopped by its shutdown ioctl while a child commits.
//
//   PINAFLUX_CUTS=1000 PINAFLUX_CUT_COMMITS=2000 build/release-amd64/agent_spool_test -tc='*real ext4*'
//
// Source     EXT4_IOC_SHUTDOWN, fs/ext4/ext4.h: without flushing the log, what was not synced is lost.

#include <atomic>
#include <cstdlib>
#include <fcntl.h>
#include <linux/types.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "platform/base/random.h"
#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::spool_kit {

namespace {

constexpr unsigned long kShutdown = _IOR('X', 125, __u32);
constexpr __u32 kNoLogFlush = 2, kLogFlush = 1;
constexpr int kAlarmsEach = 1, kBulkEach = 3;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

bool run(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;  // NOLINT(cert-env33-c)
}

// What the child has been told; lives through its death.
struct Told {
  std::atomic<std::uint64_t> groups;
};

class Ext4 {
 public:
  Ext4() {
    std::filesystem::create_directories(mount_);
    made_ = keep_to_ourselves() && run("truncate -s 48M " + image_) &&
            run("mkfs.ext4 -q -F " + image_) && mount();
  }
  ~Ext4() { unmount(); }

  bool made() const { return made_; }
  // Whoever copies the mounts of this machine meanwhile (a container that starts) would keep the stopped
  // file system alive, and it, not the image, would be mounted again.
  static bool keep_to_ourselves() {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  }
  const std::string& path() const { return mount_; }
  bool mount() { return run("mount -o loop " + image_ + " " + mount_); }
  // A busy machine needs a moment; mounted twice, an image would be written from two sides.
  bool unmount() {
    for (int i = 0; i < 200; ++i) {
      if (run("umount " + mount_)) return true;
      ::usleep(50'000);
    }
    return false;
  }
  bool cut(__u32 how) const {
    const int fd = ::open(mount_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool done = ::ioctl(fd, kShutdown, &how) == 0;
    ::close(fd);
    return done;
  }

 private:
  Directory directory_;
  std::string image_ = directory_.path() + "/image";
  std::string mount_ = directory_.path() + "/mount";
  bool made_ = false;
};

// Group k: records whose values follow from k, and k itself as a cursor.
void fill(SpoolFixture& f, std::uint64_t k) {
  const auto n = static_cast<std::int64_t>(k);
  f.add(0, n * kAlarmsEach, kAlarmsEach);
  f.add(1, n * kBulkEach, kBulkEach);
  Buffer cursor;
  Writer(cursor).u64(k + 1);
  f.group.cursors = {{0, "k", cursor, false}};
}

std::uint64_t groups_in(SpoolFixture& f) {
  const auto state = f.spool->state();
  const std::uint64_t count = (state.lanes[0].next_seq - 1) / kAlarmsEach;
  CHECK(state.lanes[1].next_seq - 1 == count * kBulkEach);
  const auto cursors = f.spool->cursors();
  if (count > 0) CHECK(Reader(cursors.at(0).second.at(0).second).u64() == count);
  return count;
}

// Sends, lets land and acknowledges; now and then the link is away.
[[noreturn]] void commit_for_ever(SpoolFixture& f, std::uint64_t first, Told& told) {
  if (!f.try_open()) ::_exit(1);
  for (std::uint64_t k = first;; ++k) {
    f.leases.clear();
    fill(f, k);
    f.wish.envelopes.fill(k % 64 < 40 ? 4 : 0);
    if (!f.try_commit()) ::_exit(2);
    told.groups = k + 1;
    f.group.reset();
    for (const Lease& lease : f.leases) {
      f.group.acks.push_back({lease.lane, lease.epoch, {1, lease.range.last}});
    }
  }
}

// What is queued has the values that it was given.
void check_values(SpoolFixture& f) {
  FarEnd far;
  const auto lanes = f.spool->state().lanes;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    far.lanes[static_cast<LaneIndex>(i)].high = lanes[i].acked;
  }
  f.wish.envelopes.fill(16);
  f.group.reset();
  do {
    f.commit();
    for (const Lease& lease : f.leases) {
      auto& lane = far.lanes[lease.lane];
      if (lane.landed.empty()) lane.chain = Opener::header(lease.bytes)->previous;
      far.take(lease);
    }
  } while (!f.leases.empty());
  for (const auto& [index, lane] : far.lanes) {
    CHECK(lane.high == lanes.at(index).next_seq - 1);
    for (const auto& [seq, n] : lane.landed) CHECK(n == static_cast<std::int64_t>(seq) - 1);
  }
}

}  // namespace

TEST_CASE_FIXTURE(SpoolFixture, "what was reported survives power cuts of a real ext4") {
  const std::uint64_t cuts = from_environment("PINAFLUX_CUTS", 12);
  const std::uint64_t commits = from_environment("PINAFLUX_CUT_COMMITS", 120);
  Ext4 disk;
  if (!disk.made()) {
    MESSAGE("skipped: this machine may not mount a loop device");
    return;
  }
  options.directory = disk.path() + "/spool";
  void* shared =
      ::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(shared != MAP_FAILED);
  Told& told = *new (shared) Told;
  Random random(from_environment("PINAFLUX_CUT_SEED", 1));
  std::uint64_t groups = 0;
  for (std::uint64_t cut = 0; cut < cuts; ++cut) {
    CAPTURE(cut);
    told.groups = groups;
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) commit_for_ever(*this, groups, told);
    const std::uint64_t stop_at = groups + 1 + random.below(commits);
    while (told.groups < stop_at && ::waitpid(child, nullptr, WNOHANG) == 0) ::usleep(50);
    ::usleep(static_cast<useconds_t>(random.below(400)));

    if (!disk.cut(random.one_in(4) ? kLogFlush : kNoLogFlush)) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
      MESSAGE("skipped: this kernel does not stop a file system");
      break;
    }

    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(disk.unmount());
    REQUIRE(disk.mount());
    open();
    CHECK(findings.empty());
    groups = groups_in(*this);
    CHECK(groups >= told.groups.load());
    CHECK(groups <= told.groups.load() + 1);
    check_values(*this);
    spool.reset();
  }
  MESSAGE(cuts << " cuts, " << groups << " acknowledged commits");
  ::munmap(shared, sizeof(Told));
}

}  // namespace pinaflux::spool_kit
