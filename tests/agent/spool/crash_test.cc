#include <array>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sys/wait.h>

#include "tests/agent/spool/spool_kit.h"

namespace pinaflux::spool_kit {

namespace fs = std::filesystem;

namespace {

constexpr int kAlarms = 3, kBulk = 5;

// Group number k: records whose values follow from k, and k itself as a cursor.
void fill(SpoolFixture& f, int k) {
  f.add(0, k * kAlarms, kAlarms);
  f.add(1, k * kBulk, kBulk);
  f.group.cursors = {
      {0, "k", {static_cast<std::uint8_t>(k), static_cast<std::uint8_t>(k >> 8)}, false}};
}

// Groups that the spool holds. Fails on half a group.
int groups_in(SpoolFixture& f) {
  const auto state = f.spool->state();
  const auto count = static_cast<int>(state.lanes[0].next_seq - 1) / kAlarms;
  CHECK(state.lanes[0].next_seq - 1 == count * kAlarms);
  CHECK(state.lanes[1].next_seq - 1 == count * kBulk);
  const auto cursors = f.spool->cursors();
  if (count == 0) {
    CHECK(cursors.empty());
    return 0;
  }
  const Buffer& value = cursors.at(0).second.at(0).second;
  CHECK(value[0] + value[1] * 256 == count - 1);
  return count;
}

// Everything that is queued arrives, in order and with its values.
void drain(SpoolFixture& f, int groups) {
  FarEnd far;
  f.wish.envelopes.fill(8);
  ++f.wish.round[0];
  ++f.wish.round[1];
  do {
    f.commit();
    far.take(f.leases);
  } while (!f.leases.empty());
  for (const auto& [seq, n] : far.lanes[0].landed) CHECK(n == static_cast<std::int64_t>(seq) - 1);
  for (const auto& [seq, n] : far.lanes[1].landed) CHECK(n == static_cast<std::int64_t>(seq) - 1);
  CHECK(far.lanes[0].high == static_cast<std::uint64_t>(groups * kAlarms));
  CHECK(far.lanes[1].high == static_cast<std::uint64_t>(groups * kBulk));
}

void copy_spool(const std::string& from, const std::string& to) {
  fs::remove_all(to);
  fs::create_directories(to);
  fs::copy_file(from + "/spool.db", to + "/spool.db");
  fs::copy_file(from + "/spool.db-wal", to + "/spool.db-wal");
}

// What a disk holds that had not written the end of the WAL yet.
void lose_tail(const std::string& path, std::uintmax_t offset) {
  const std::uintmax_t size = fs::file_size(path);
  if (offset >= size) return;
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset));
  const std::string zeros(static_cast<std::size_t>(size - offset), '\0');
  file.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
}

[[noreturn]] void commit_for_ever(SpoolFixture& f, int first, int report) {
  f.leases.clear();
  if (!f.try_open()) ::_exit(1);
  for (int k = first;; ++k) {
    fill(f, k);
    f.wish.envelopes.fill(k % 3 == 0 ? 1 : 0);
    if (!f.try_commit()) ::_exit(2);
    f.group.reset();
    f.leases.clear();
    if (::write(report, &k, sizeof k) != sizeof k) ::_exit(3);
  }
}

}  // namespace

TEST_CASE_FIXTURE(SpoolFixture,
                  "a copy of the files taken after any commit holds exactly the committed groups") {
  open();
  SpoolFixture copy;
  for (int k = 0; k < 40; ++k) {
    fill(*this, k);
    wish.envelopes.fill(k % 4 == 0 ? 2 : 0);
    commit();
    copy.spool.reset();
    copy_spool(options.directory, copy.options.directory);

    copy.open();

    CHECK(copy.findings.empty());
    CHECK(groups_in(copy) == k + 1);
  }
  drain(copy, 40);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "a power cut that loses the end of the WAL loses whole groups only") {
  open();
  for (int k = 0; k < 25; ++k) {
    fill(*this, k);
    wish.envelopes.fill(k % 7 == 0 ? 2 : 0);
    commit();
  }
  SpoolFixture copy;
  int last = 25;
  for (std::uintmax_t cut = 200'000; cut > 3'000; cut -= 1'777) {
    copy.spool.reset();
    copy_spool(options.directory, copy.options.directory);
    lose_tail(copy.options.directory + "/spool.db-wal", cut);

    const Status opened = copy.try_open();

    REQUIRE(opened.has_value());
    CHECK(copy.findings.empty());
    const int groups = copy.spool->state().lanes[0].next_seq == 1 ? 0 : groups_in(copy);
    CHECK(groups <= last);
    last = groups;
  }
  CHECK(last < 5);
}

TEST_CASE_FIXTURE(SpoolFixture,
                  "killed at any moment, the spool has every reported group and no half one") {
  int groups = 0;
  for (int round = 0; round < 12; ++round) {
    std::array<int, 2> pipe{};
    REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) commit_for_ever(*this, groups, pipe[1]);
    ::close(pipe[1]);
    int reported = groups - 1;
    const int stop_at = groups + 5 + round * 7;
    while (reported < stop_at && ::read(pipe[0], &reported, sizeof reported) == sizeof reported) {
    }
    ::usleep(static_cast<useconds_t>(round * 137));
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    while (::read(pipe[0], &reported, sizeof reported) == sizeof reported) {
    }
    ::close(pipe[0]);

    open();

    CHECK(findings.empty());
    groups = groups_in(*this);
    CHECK(groups >= reported + 1);
    CHECK(groups <= reported + 2);
    spool.reset();
  }
  open();
  drain(*this, groups);
}

}  // namespace pinaflux::spool_kit
